"""What health does about the events of other apps."""
