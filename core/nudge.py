"""Telling workers to look at their rows now. A nudge carries no truth: a lost one only delays work until beat's next tick.

A thread of the process publishes them, so that no request waits for the broker and a burst of changes nudges each queue once.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from core.subscription import queues_for

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
# After publishing, for so long nudges gather; the first one after a rest leaves at once.
GATHER_SECONDS = 0.05
_broken_until = 0.0


class _Publisher:
    """What is to be published, by name, and the thread that does it; begun anew in a forked process."""

    def __init__(self) -> None:
        self.begin()
        os.register_at_fork(after_in_child=self.begin)
        atexit.register(self.flush)

    def begin(self) -> None:
        """Start with nothing to do and without a thread."""
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._waiting: dict[str, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None

    def add(self, name: str, call: Callable[[], None]) -> None:
        """Publish soon, once for each name."""
        with self._lock:
            self._waiting[name] = call
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
                self._thread.start()
        self._wanted.set()

    def flush(self) -> None:
        """Publish what waits now: a command may end right after its change."""
        with self._lock:
            calls, self._waiting = list(self._waiting.values()), {}
        for call in calls:
            try:
                call()
            except Exception:  # whatever it is, the thread must live on; beat's next tick finds the work
                logger.exception("a nudge could not be published")

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self.flush()
            time.sleep(GATHER_SECONDS)


_publisher = _Publisher()


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


def task_after_commit(task: str, *, queue: str) -> None:
    """Nudge a task of an app, one that looks at its rows, once the transaction commits."""
    _once_after_commit(task, partial(send, task, queue=queue))


class _Nudge:
    """A named on-commit callback, so that one transaction holds each name once."""

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self.name = name
        self.call = call

    def __call__(self) -> None:
        _publisher.add(self.name, self.call)


def _once_after_commit(name: str, call: Callable[[], None]) -> None:
    waiting = connection.run_on_commit
    if any(isinstance(entry[1], _Nudge) and entry[1].name == name for entry in waiting):
        return
    transaction.on_commit(_Nudge(name, call), robust=True)
