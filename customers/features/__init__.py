"""What is known about customers at a moment."""
