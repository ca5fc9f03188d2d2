"""What macros can do to tickets; one part per thing."""
