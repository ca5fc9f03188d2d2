"""Messengers: what their providers send, and fakes of their interfaces that check what we send."""
