"""Scanners of files: one module each (``tickets.registry.Scanner``)."""
