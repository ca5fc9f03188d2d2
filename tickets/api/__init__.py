"""REST of tickets, under ``/api/v1/tickets/``."""
