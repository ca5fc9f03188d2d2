"""What WhatsApp, Messenger and Instagram share: Meta's signed calls, the Graph API, conversations of pages. No channel itself."""
