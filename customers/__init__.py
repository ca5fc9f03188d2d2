"""Accounts, contacts and their identities, consent, subscriptions and revenue, product usage; portfolio and account pages."""
