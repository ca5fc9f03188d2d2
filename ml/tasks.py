"""Celery entries of ml."""

from datetime import UTC, datetime, timedelta

from celery import shared_task
from django.utils import timezone

from ml.registry import ml_tasks
from ml.services import ask_model as questions
from ml.services import start_due_trainings as trainings
from ml.services import verify_artefacts as artefacts
from ml.services.answer_in_shadow import answer_in_shadow as ask_shadows
from ml.services.draw_audit_sample import draw_audit_sample
from ml.services.forget_predictions import forget_old_predictions as forget
from ml.services.materialise_features import materialise_features as keep_features
from ml.services.report_models import report_models as report
from ml.services.set_class_mode import step_classes_down
from ml.services.sweep_files import sweep_files as sweep
from ml.services.watch_drift import watch_drift as judge
from ml.services.watch_service import watch_service as watch
from people.viewer import system_viewer

BUDGET = timedelta(seconds=45)


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


@shared_task(name="ml.sweep_files")
def sweep_files() -> None:
    """Queue batch, hourly: delete files that killed trainings and erasures have left behind."""
    sweep(by=system_viewer("task"))


@shared_task(name="ml.watch_service")
def watch_service() -> None:
    """Queue batch, every 30 s: roll back versions that do harm."""
    watch(by=system_viewer("task"))


@shared_task(name="ml.watch_classes")
def watch_classes() -> None:
    """Queue batch, every five minutes: step down the classes that people's words say are worse than asked."""
    step_classes_down(by=system_viewer("task"))


@shared_task(name="ml.watch_drift")
def watch_drift() -> None:
    """Queue batch, every five minutes: judge the windows that are full."""
    judge(by=system_viewer("task"))


@shared_task(name="ml.draw_audit_samples")
def draw_audit_samples() -> None:
    """Queue batch, every hour: draw the sample of yesterday (UTC) for every task; a day is drawn once."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    for task in ml_tasks:
        draw_audit_sample(task=task.key, day=yesterday)


@shared_task(name="ml.answer_in_shadow")
def answer_in_shadow() -> None:
    """Queue ml, every 30 s: ask versions in the shadow."""
    ask_shadows()


@shared_task(name="ml.answer_requests")
def answer_requests() -> None:
    """Queue ml, every 5 s and when somebody asks: answer open questions."""
    questions.answer_requests()


@shared_task(name="ml.forget_old_predictions")
def forget_old_predictions() -> None:
    """Queue batch, every hour: what is half a year old keeps its answer only; questions go after a day."""
    forget()
    questions.forget_requests()


@shared_task(name="ml.materialise_features")
def materialise_features() -> None:
    """Queue batch, every ten minutes: keep the values of full hours that cannot be computed again, at first of 90 days."""
    keep_features(by=system_viewer("task"), until=timezone.now() + BUDGET)
