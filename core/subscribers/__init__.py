"""Subscribers of the ground floor; every app keeps its own in ``<app>/subscribers/``."""
