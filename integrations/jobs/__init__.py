"""Long work of integrations."""
