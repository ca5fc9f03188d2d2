"""Parts of the account page that customers itself contributes."""
