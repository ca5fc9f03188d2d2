"""``export_everything DIR``: the whole installation as files, without any worker."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from imports.services.make_archive import export_to_folder
from people.viewer import system_viewer


class Command(BaseCommand):
    """Writes rows as lines of JSON, contents by their SHA-256, and a manifest."""

    help = "Export everything (rows, files, event log) into an empty folder; secrets are left out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and count."""
        try:
            done = export_to_folder(folder=options["folder"], by=system_viewer("command"))
        except (ValidationError, OSError) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from error
        for name, number in done.items():
            self.stdout.write(f"{name:<10} {number:>10}")
        if options["json"]:
            self.stdout.write(json.dumps(done))
