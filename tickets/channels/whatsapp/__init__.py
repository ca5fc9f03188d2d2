"""WhatsApp: messages to a business number, through Meta's Cloud API."""
