"""Telling workers to look at their rows now. A nudge carries no truth: a lost one only delays work until beat's next tick."""

import logging
import time
from collections.abc import Callable
from functools import partial

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from core.subscription import queues_for

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
_broken_until = 0.0


def send(task: str, *, queue: str, **kwargs: object) -> None:
    """Publish one task message; a broker that cannot take it is left alone for PAUSE_SECONDS and nobody waits."""
    global _broken_until
    if time.monotonic() < _broken_until:
        return
    try:
        current_app.send_task(task, queue=queue, kwargs=kwargs, retry=False, ignore_result=True)
    except (BrokerError, OSError) as error:
        _broken_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("broker is not reachable, work waits for the next tick: %s", error)


def after_commit(verb: str) -> None:
    """Nudge the queues whose subscribers want ``verb`` once the transaction commits, each queue once."""
    for queue in sorted(queues_for(verb) | {"events"}):
        _once_after_commit(f"pump:{queue}", partial(send, "core.pump_events", queue=queue, only_queue=queue))


def outbound_after_commit() -> None:
    """Nudge the sender of the outbox once the transaction commits."""
    _once_after_commit("outbound", partial(send, "core.send_outbound", queue="outbound"))


def job_after_commit(queue: str) -> None:
    """Nudge the runner of jobs of ``queue`` once the transaction commits."""
    _once_after_commit(f"jobs:{queue}", partial(send, "core.run_jobs", queue=queue, only_queue=queue))


class _Nudge:
    """A named on-commit callback, so that one transaction holds each name once."""

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self.name = name
        self.call = call

    def __call__(self) -> None:
        self.call()


def _once_after_commit(name: str, call: Callable[[], None]) -> None:
    waiting = connection.run_on_commit
    if any(isinstance(entry[1], _Nudge) and entry[1].name == name for entry in waiting):
        return
    transaction.on_commit(_Nudge(name, call), robust=True)
