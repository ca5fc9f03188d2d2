"""What the ground floor sends."""
