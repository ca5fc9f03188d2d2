"""What is known about tickets, teams and agents at a moment."""
