"""Celery entries of integrations."""

from celery import shared_task

from integrations.services.forget_old_deliveries import forget_old_deliveries


@shared_task(name="integrations.forget_old_deliveries")
def forget_deliveries() -> None:
    """Forget what was delivered long ago."""
    forget_old_deliveries()
