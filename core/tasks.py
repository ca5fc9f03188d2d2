"""Celery entries of the ground floor: each looks at rows and works what is due."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from core.delivery import pump
from core.job_runner import run_jobs
from core.models import Heartbeat
from core.outbox import send_due
from core.sealing import seal_events
from core.services.mail_notifications import mail_due_notifications


@shared_task(name="core.pump_events")
def pump_events(only_queue: str = "events") -> None:
    """Sequence new events and deliver them to the subscribers of one queue."""
    pump(only_queue)


@shared_task(name="core.send_outbound")
def send_outbound() -> None:
    """Send what is due in the outbox."""
    send_due()


@shared_task(name="core.run_jobs")
def run_due_jobs(only_queue: str = "batch") -> None:
    """Run slices of the due jobs of one queue."""
    run_jobs(only_queue)


@shared_task(name="core.seal_events")
def seal_due_events() -> None:
    """Seal what is sequenced and drop remembered answers and heartbeats that are out of date."""
    from core.api.idempotency import forget_old_answers

    seal_events()
    forget_old_answers()


@shared_task(name="core.index_missing")
def index_missing_texts() -> None:
    """Index for search what no service has indexed: restored, imported or written before there was an index."""
    from core.search.sources import index_missing

    index_missing()


@shared_task(name="core.mail_notifications")
def mail_notifications() -> None:
    """Put what people are to be told by mail into mails."""
    mail_due_notifications()


@shared_task(name="core.canary")
def canary(name: str, detail: dict[str, Any] | None = None) -> None:
    """Prove that a queue is worked: write its heartbeat row."""
    beat(name, detail or {})


def beat(name: str, detail: dict[str, Any]) -> None:
    """Write a heartbeat."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": timezone.now(), "detail": detail})
