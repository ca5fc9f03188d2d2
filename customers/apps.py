"""App configuration of customers."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CustomersConfig(AppConfig):
    """Owns the customer side of the data."""

    name = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Put the built-in rows in place after migrations, and let the database keep the revenue ledger as it is."""
        from customers.append_only import keep_ledger
        from customers.first_rows import put_first_rows

        post_migrate.connect(keep_ledger, sender=self)
        post_migrate.connect(put_first_rows, sender=self)
