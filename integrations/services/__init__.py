"""The only writers of integrations, one file per use case."""
