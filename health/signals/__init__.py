"""The measures of the built-in health card, one class each; formulas in docs/health.md."""
