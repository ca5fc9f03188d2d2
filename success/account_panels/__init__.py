"""What success shows on the account page."""
