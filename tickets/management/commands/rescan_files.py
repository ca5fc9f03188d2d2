"""``manage.py rescan_files``: has stored files scanned for malware again, for example after new signatures."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from people.viewer import system_viewer
from tickets.models import StoredFile
from tickets.registry import active_scanner
from tickets.services.scan_files import request_rescan


class Command(BaseCommand):
    """Queues the job; the worker does the rest. Each file keeps its verdict until there is a new one."""

    help = "Have stored files scanned for malware again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which files."""
        states = [scan for scan in StoredFile.Scan.values if scan != StoredFile.Scan.NOT_SCANNED]
        parser.add_argument(
            "--state", action="append", choices=states, help="only files with this verdict; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the job and say its number."""
        states = options["state"]
        by = system_viewer("command")
        job = request_rescan(by=by, states=states) if states else request_rescan(by=by)
        self.stdout.write(f"job {job.pk} makes the files due")
        if active_scanner() is None:
            self.stdout.write(
                self.style.WARNING("No scanner is configured (CLAMD_URL): the files wait for one.")
            )
