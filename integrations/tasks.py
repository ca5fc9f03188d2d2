"""Celery entries of integrations."""

from celery import shared_task

from integrations.services.forget_old_deliveries import forget_old_deliveries
from integrations.services.sync_crm import start_due_crm_work


@shared_task(name="integrations.forget_old_deliveries")
def forget_deliveries() -> None:
    """Forget what was delivered long ago."""
    forget_old_deliveries()


@shared_task(name="integrations.sync_crms")
def sync_crms() -> None:
    """Start a pass over every CRM that is connected, and reconciliations that are due."""
    start_due_crm_work()
