"""REST of success."""
