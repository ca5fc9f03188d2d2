"""`manage.py verify_events`: prove the sealed event log."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.sealing import seal_events, verify_events


class Command(BaseCommand):
    """Recompute every block of the chain and every detail's digest."""

    help = "Seal what is due, then verify the chain of events. Exit status 1 when something was changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the proof."""
        seal_events(limit_blocks=1_000_000)
        result = verify_events()
        self.stdout.write(
            f"{result.blocks} blocks, {result.events} sealed events, {result.unsealed} not yet sealed, "
            f"{result.erased_details} erased details"
        )
        for line in result.problems:
            self.stdout.write(f"  {line}")
        if options["json"]:
            self.stdout.write(json.dumps({"ok": result.ok} | asdict(result)))
        if not result.ok:
            raise CommandError("the event log does not verify")
        self.stdout.write(
            "the event log verifies" if not options["json"] else "", ending="" if options["json"] else "\n"
        )
