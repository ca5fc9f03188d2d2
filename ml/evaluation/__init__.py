"""Measuring our models on any CSV file: reading it, scoring it, and printing what came out beside the trivial model."""
