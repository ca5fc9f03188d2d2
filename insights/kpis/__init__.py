"""The figures that come with the product: one module per theme."""
