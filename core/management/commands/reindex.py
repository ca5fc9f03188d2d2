"""`manage.py reindex`: index texts for search again."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.search.sources import SearchSource, count_again, index_missing, reindex_slice, search_sources


class Command(BaseCommand):
    """Walk the rows of each kind in the order of their keys."""

    help = (
        "Index texts for search again, or only what is missing. Goes on after a stop with --kind and --after."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--kind", help="only texts of this kind, for example message")
        parser.add_argument(
            "--since", help="only what was changed at or after this moment, for example 2026-03-31"
        )
        parser.add_argument("--after", type=int, default=0, help="only rows with a higher key; needs --kind")
        parser.add_argument("--missing", action="store_true", help="only what has not been indexed at all")
        parser.add_argument("--json", action="store_true", help="end with one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        """Index."""
        since = _moment(options["since"])
        if options["after"] and not options["kind"]:
            raise CommandError("--after needs --kind: keys are counted by kind")
        indexed = (
            self._missing() if options["missing"] else self._walk(options["kind"], options["after"], since)
        )
        # Learns the words and counts what is missing.
        while index_missing():
            pass
        missing = count_again().missing
        for kind, count in indexed.items():
            self.stdout.write(f"{kind:<16}{count} indexed, {missing.get(kind, 0)} missing")
        if options["json"]:
            self.stdout.write(json.dumps({"indexed": indexed, "missing": missing}))

    def _missing(self) -> dict[str, int]:
        total = 0
        while count := index_missing():
            total += count
            self.stderr.write(f"{total} texts indexed")
        return {"all": total}

    def _walk(self, kind: str | None, after: int, since: datetime | None) -> dict[str, int]:
        try:
            sources = [search_sources.get(kind)] if kind else list(search_sources)
        except LookupError as error:
            raise CommandError(str(error)) from error
        return {source.key: self._one(source, after, since) for source in sources}

    def _one(self, source: SearchSource, after: int, since: datetime | None) -> int:
        rows = source.rows() if since is None else source.changed_since(since)
        total = rows.filter(pk__gt=after).count()
        done = 0
        while True:
            after, count = reindex_slice(source, after=after, since=since)
            done += count
            if not count:
                return done
            self.stderr.write(f"{source.key}: {done} of {total} (--kind {source.key} --after {after})")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError("--since takes a date like 2026-03-31 or 2026-03-31T12:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
