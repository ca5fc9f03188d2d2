"""Job handlers of the ground floor; every app keeps its own in ``<app>/jobs/``."""
