"""Long work of customers."""
