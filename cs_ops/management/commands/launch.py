"""`manage.py launch`: start the whole of CS Ops on this machine and keep it running (what `make run` calls)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from cs_ops.launch import preparation
from cs_ops.launch.preflight import CannotStart, check_all
from cs_ops.launch.programs import Layout, programs
from cs_ops.launch.stack import Stack, only_one

DEMO_LOGINS = ("agent@demo.example", "lead@demo.example", "csm@demo.example", "admin@demo.example")
DEMO_PASSWORD = "cs-ops-demo"  # noqa: S105 - printed on purpose; it exists in demo data alone


class Command(BaseCommand):
    """Checks, prepares, starts, waits until ready, then blocks until SIGINT, SIGTERM or SIGHUP stops everything."""

    help = "Start CS Ops here: check, migrate, fill an empty database, then run web, workers and beat until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--ready-seconds", type=int, default=180, help="give up waiting for /readyz after this"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        layout = Layout(base=settings.BASE_DIR, var=settings.VAR_DIR)
        layout.config.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        stack = Stack(
            layout, programs(port=settings.PORT, beat_schedule=str(settings.CELERY_BEAT_SCHEDULE_FILENAME))
        )
        try:
            with only_one(layout):
                check_all()
                self._prepare()
                self._serve(stack, options["ready_seconds"])
        except CannotStart as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self._say("Stopping ...")
        finally:
            self._stop(stack)

    def _prepare(self) -> None:
        preparation.reach_services()
        self._step("Migrating the database", preparation.migrate)
        if settings.DEMO and preparation.is_empty():
            self._step("Filling the database with demo data", preparation.seed_demo)
        if preparation.lacks_models():
            self._step("Training the first models", preparation.train_models)
        self._step("Collecting static files", preparation.collect_static)
        preparation.empty_broker()
        connections.close_all()

    def _serve(self, stack: Stack, ready_seconds: int) -> None:
        def start() -> None:
            stack.start()
            stack.wait_until_ready(
                port=settings.PORT,
                site_url=settings.SITE_URL,
                seconds=ready_seconds,
                news=lambda text: self._say(f"  {text}"),
            )

        self._step("Starting web, workers and beat", start)
        self._welcome(stack.layout)
        connections.close_all()
        stack.watch()

    def _welcome(self, layout: Layout) -> None:
        self._say(f"\nCS Ops is ready at {settings.SITE_URL}")
        if preparation.is_empty():
            self._say("  Nobody has an account yet: open it to make the first account, team and inbox")
        elif settings.DEMO:
            self._say(f"  Demo logins: {'  '.join(DEMO_LOGINS)}  (password {DEMO_PASSWORD})")
        self._say(f"  Logs: {layout.log}  Stop everything: Ctrl-C")

    def _stop(self, stack: Stack) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started = time.monotonic()
        if stack.process is not None:
            stack.stop()
            self._say(f"Stopped in {time.monotonic() - started:.1f} s; the data stays in {stack.layout.var}")

    def _step(self, name: str, action: Callable[[], None]) -> None:
        self._say(f"{name} ...")
        started = time.monotonic()
        action()
        self._say(f"  done in {time.monotonic() - started:.1f} s")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
