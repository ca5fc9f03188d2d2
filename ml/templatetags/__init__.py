"""Template filters of the model pages."""
