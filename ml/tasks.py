"""Celery entries of ml."""

from celery import shared_task

from ml.services.report_models import report_models as report


@shared_task(name="ml.report_models")
def report_models() -> None:
    """Queue ml, every 20 s: load what is missing and write the models' heartbeat."""
    report()
