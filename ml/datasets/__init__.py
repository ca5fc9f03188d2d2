"""What models learn from: rows, their fingerprints, files, checks and splits. Knows no table of any feature."""
