"""REST of integrations."""
