"""Churn: point-in-time features, observations with labels, and the estimate of the model in service."""
