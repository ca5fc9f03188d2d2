"""What integrations do when others report."""
