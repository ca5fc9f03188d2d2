"""Use cases that need several apps at once."""
