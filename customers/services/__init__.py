"""Use cases of customers: the only writers of its tables (health's columns on accounts aside)."""
