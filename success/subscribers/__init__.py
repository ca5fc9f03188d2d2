"""What success does when others report."""
