"""Instagram: messages to a page or profile, through Meta's Messenger Platform."""
