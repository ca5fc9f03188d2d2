"""Celery entries of ml."""

from celery import shared_task

from ml.services import start_due_trainings as trainings
from ml.services import verify_artefacts as artefacts
from ml.services.report_models import report_models as report
from people.viewer import system_viewer


@shared_task(name="ml.report_models")
def report_models() -> None:
    """Queue ml, every 20 s: load what is missing and write the models' heartbeat."""
    report()


@shared_task(name="ml.start_due_trainings")
def start_due_trainings() -> None:
    """Queue batch, hourly: queue the trainings that are due by age or by new labels."""
    trainings.start_due_trainings(by=system_viewer("task"))


@shared_task(name="ml.verify_artefacts")
def verify_artefacts() -> None:
    """Queue batch, daily: look whether the files of models are what was registered."""
    artefacts.verify_artefacts(by=system_viewer("task"))
