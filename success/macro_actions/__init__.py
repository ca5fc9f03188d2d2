"""What customer success lets macros on tickets do."""
