"""Panels of tickets' own beside a ticket."""
