"""Long work of ml."""
