"""Senders of what leaves from tickets."""
