"""What tickets teaches models: routing and priority."""
