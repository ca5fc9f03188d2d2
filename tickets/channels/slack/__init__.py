"""Slack: a channel there is an inbox here, and colleagues may answer from it."""
