"""What success shows beside a ticket."""
