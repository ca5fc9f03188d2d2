"""REST of insights."""
