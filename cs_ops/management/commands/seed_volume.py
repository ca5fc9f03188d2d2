"""`manage.py seed_volume`: a desk of any size for benchmarks, on an empty database."""

import io
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from core.services.fast_forward import fast_forward
from cs_ops.demo.volume import index_volume, make_volume
from tickets.models import Ticket


class Command(BaseCommand):
    """Writes invented tickets in bulk, then the tables that subscribers would have filled."""

    help = "Fill an empty database with very many tickets for benchmarks (bench/desk.py)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how large."""
        parser.add_argument("--tickets", type=int, default=100_000)
        parser.add_argument("--messages", type=int, default=0, help="default: eight for each ticket")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and say how long each part took."""
        if Ticket.objects.exists():
            raise CommandError("This fills an empty database only: there are tickets in this one.")
        tickets = options["tickets"]
        started = time.monotonic()
        written = make_volume(tickets=tickets, messages=options["messages"] or 8 * tickets)
        self.stderr.write(
            f"{written.tickets} tickets, {written.messages} messages, {written.events} events in"
            f" {time.monotonic() - started:.0f} s"
        )
        fast_forward()
        for name, fill in (
            ("search index", index_volume),
            ("counters", self._count),
            ("episodes", self._episodes),
        ):
            started = time.monotonic()
            fill()
            self.stderr.write(f"{name} in {time.monotonic() - started:.0f} s")

    @staticmethod
    def _count() -> None:
        call_command("recount_views", stdout=io.StringIO())

    @staticmethod
    def _episodes() -> None:
        call_command("rebuild_episodes", stdout=io.StringIO(), stderr=io.StringIO())
