"""Journeys in a real browser. Every test here carries the marker ``e2e`` and runs with ``make e2e``."""
