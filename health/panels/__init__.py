"""Health beside a ticket."""
