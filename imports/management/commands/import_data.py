"""``import_data SOURCE PATH…``: import from another system, or restore an archive of this one, without any worker."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from imports.importers.csv_tables import TABLES
from imports.models import Import
from imports.registry import importers
from imports.services.read_files import read_slice
from imports.services.restore_archive import restore_archive
from imports.services.run_import import check_slice, counts_of, run_slice, save_mapping, start_import
from imports.services.upload_import import upload_import
from people.viewer import Viewer, system_viewer
from tickets.models import Inbox

ARCHIVE = "cs_ops"


class Command(BaseCommand):
    """Reads, checks and writes in this process; what was guessed of the mapping is used, and shown."""

    help = (
        f"Import from csv, freshdesk, mail, zammad or zendesk; {ARCHIVE} restores an archive of this product."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("source")
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--system", default="", help="name of the installation over there")
        parser.add_argument(
            "--table", choices=list(TABLES), default="", help="what the lines of a CSV table are"
        )
        parser.add_argument("--inbox", default="", help="name of the inbox that tickets belong to")
        parser.add_argument(
            "--mapping", type=Path, help="JSON file of a mapping, as --dry-run --json prints it"
        )
        parser.add_argument("--new-numbers", action="store_true", help="do not keep the numbers of tickets")
        parser.add_argument("--dry-run", action="store_true", help="read and check, write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print the counts. Raises CommandError for what cannot be read."""
        by = system_viewer("command")
        missing = [str(path) for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(f"Not found: {', '.join(missing)}")
        try:
            done = self._restore(options, by) if options["source"] == ARCHIVE else self._import(options, by)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["json"]:
            self.stdout.write(json.dumps(done))

    def _restore(self, options: dict[str, Any], by: Viewer) -> dict[str, Any]:
        if len(options["paths"]) != 1:
            raise CommandError("An archive is one folder or one file.")
        done = restore_archive(path=options["paths"][0], by=by, report=self.stderr.write)
        for name, number in done.items():
            self.stdout.write(f"{name:<10} {number:>10}")
        return done

    def _import(self, options: dict[str, Any], by: Viewer) -> dict[str, Any]:
        if options["source"] not in importers:
            raise CommandError(f"Choose one of: {', '.join(one.key for one in importers)}, {ARCHIVE}.")
        run = upload_import(
            source=options["source"],
            paths=options["paths"],
            by=by,
            system=options["system"],
            table=options["table"],
            inbox=self._inbox(options["inbox"]),
            keep_numbers=not options["new_numbers"],
            in_background=False,
        )
        self._read(run)
        if options["mapping"]:
            mapping = json.loads(options["mapping"].read_text())
            run = save_mapping(run=run, mapping=mapping.get("mapping", mapping), by=by)
        self._check(run)
        if not options["dry_run"]:
            run = start_import(run=run, by=by, in_background=False)
            self._run(run)
        return self._told(run, options["dry_run"])

    @staticmethod
    def _inbox(name: str) -> Inbox | None:
        if not name:
            return Inbox.objects.filter(is_active=True, channel="email").order_by("pk").first()
        return Inbox.objects.get_or_create(name=name, defaults={"channel": "email"})[0]

    def _read(self, run: Import) -> None:
        finished = False
        while not finished:
            count, finished = read_slice(run)
            self.stderr.write(f"read {count}")
        run.refresh_from_db()
        if run.state == Import.State.FAILED:
            raise CommandError(run.error)

    def _check(self, run: Import) -> None:
        after, finished = 0, False
        while not finished:
            after, finished = check_slice(run, after)
        run.refresh_from_db()

    def _run(self, run: Import) -> None:
        finished = False
        while not finished:
            done, finished = run_slice(run)
            self.stderr.write(f"written {done}")
        run.refresh_from_db()

    def _told(self, run: Import, is_dry: bool) -> dict[str, Any]:
        counts = counts_of(run)
        for kind, outcomes in sorted(counts.items()):
            for outcome, number in sorted(outcomes.items()):
                self.stdout.write(f"{kind or 'unknown':<10} {outcome:<10} {number:>10}")
        for row in run.rows.exclude(error="").order_by("pk")[:20]:
            self.stderr.write(f"{row.file}:{row.line} {row.kind} {row.external_id}: {row.error}")
        found = {
            "import": run.pk,
            "dry_run": is_dry,
            "counts": counts,
            "errors": run.rows.exclude(error="").count(),
        }
        return {**found, "mapping": run.mapping} if is_dry else found
