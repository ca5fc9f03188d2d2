"""How served models are watched: drift tests, the guard over audited labels, estimates from samples. No tables here."""
