"""Forecasts about open tickets: when they will be solved, and whether the next promise will be missed."""
