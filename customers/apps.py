"""App configuration of customers."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Owns the customer side of the data."""

    name = "customers"
    verbose_name = "Customers"
