"""REST plumbing of people: who calls, what the caller may do, how often."""
