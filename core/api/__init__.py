"""What every REST door shares: problem+json errors, keyset pages, idempotency."""
