"""The writers of imports, one file per use case."""
