"""``manage.py rebuild_episodes``: derive the episodes of all tickets from the event log anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tickets.services.build_episodes import rebuild_all_episodes


class Command(BaseCommand):
    """Works in slices, each in a transaction of its own; ``--after`` goes on where a former run was stopped."""

    help = "Derive the resolution episodes of all tickets, what figures count, from the event log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--after", type=int, default=0, help="go on after this ticket id")
        parser.add_argument("--slice", type=int, default=500, help="tickets per transaction (default 500)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Build until no ticket is left."""
        last: int | None = options["after"]
        slices = 0
        while (last := rebuild_all_episodes(after=last or 0, limit=max(1, options["slice"]))) is not None:
            slices += 1
            if slices % 20 == 0:
                self.stderr.write(f"up to ticket id {last}")
        self.stdout.write("episodes rebuilt")
