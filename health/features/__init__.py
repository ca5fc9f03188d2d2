"""What health knows about customers at a moment."""
