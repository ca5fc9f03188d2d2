"""Telephone: calls that Twilio or another telephone system tells of, and those that somebody writes down."""
