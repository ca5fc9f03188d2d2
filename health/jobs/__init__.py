"""Long work of health."""
