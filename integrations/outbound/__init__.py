"""Senders of integrations."""
