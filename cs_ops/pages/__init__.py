"""Pages of the whole installation: the start, the first run, errors."""
