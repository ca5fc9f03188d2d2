"""Figures about the work: what is counted, by one definition each, for the page, REST and CSV alike."""
