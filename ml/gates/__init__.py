"""What every version must pass, one gate per file."""
