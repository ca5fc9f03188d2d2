"""Parts that tickets contribute to the account page."""
