"""Sentiment of a message: negative, neutral or positive with probabilities, by MiniLM and a small adapter of ours."""
