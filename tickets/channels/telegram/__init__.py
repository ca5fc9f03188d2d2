"""Telegram: messages to a bot."""
