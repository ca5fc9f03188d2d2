"""Texts of our own that models learn from and are measured on: what they are is in the data sheet, ``README.md``."""
