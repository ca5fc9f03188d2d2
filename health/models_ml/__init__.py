"""The ML tasks of health."""
