"""What customers do when something has happened."""
