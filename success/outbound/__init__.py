"""Senders of success."""
