"""``manage.py api_contract``: what has changed in the REST API since its changelog was written, and writing it there."""

import json
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.api.contract import differences, digest_of, present_contract

FOLDER = Path(settings.BASE_DIR) / "docs" / "api"
MARK = "<!-- entries -->"


def told_contract() -> dict[str, Any]:
    """Return the contract that the changelog has told of."""
    told: dict[str, Any] = json.loads((FOLDER / "contract.json").read_text())
    return told


class Command(BaseCommand):
    """Compare the API with what its changelog tells."""

    help = "Show what has changed in the REST API since its changelog was written; --write SENTENCE tells it there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--write",
            action="append",
            default=[],
            metavar="SENTENCE",
            help="what clients should know of the change; may be given several times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the differences; with sentences, put them on top of the changelog and keep the contract."""
        now = present_contract()
        path = FOLDER / "contract.json"
        changed = differences(told_contract() if path.exists() else {}, now)
        for line in changed:
            self.stdout.write(line)
        if not options["write"]:
            self.stdout.write("nothing has changed" if not changed else f"contract {digest_of(now)}")
            return
        changelog = FOLDER / "changelog.md"
        text = changelog.read_text()
        if MARK not in text:
            raise CommandError(f"{changelog} has lost the line {MARK}")
        lines = "\n".join(f"- {sentence}" for sentence in options["write"])
        entry = f"{MARK}\n\n## {date.today().isoformat()} · contract {digest_of(now)}\n\n{lines}"
        changelog.write_text(text.replace(MARK, entry, 1))
        # A line for each operation, so that two branches seldom meet.
        rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in now.items())
        path.write_text(f"{{\n{rows}\n}}\n")
