"""Long work on tickets."""
