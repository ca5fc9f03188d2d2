"""What people send out: links by mail."""
