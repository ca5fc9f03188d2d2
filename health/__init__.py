"""Signals, health scores and churn probabilities of accounts: a score with parts, coverage, band and proof."""
