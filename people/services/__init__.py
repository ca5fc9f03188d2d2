"""Use cases of people: the only writers of its tables."""
