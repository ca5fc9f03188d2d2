"""The ways a conversation reaches us, one folder each."""
