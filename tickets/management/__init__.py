"""Commands of tickets."""
