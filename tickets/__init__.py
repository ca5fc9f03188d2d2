"""Tickets and their messages: channels, routing, sentiment, assignment, SLA, the inbox."""
