"""Use cases of the ground floor."""
