"""``import_data``: a dry run writes nothing and prints the mapping; the run takes it back in."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from people.models import User
from tests.imports.conftest import DUMPS
from tickets.models import Inbox, Ticket


def run(*arguments: str) -> dict[str, Any]:
    """Run the command; returns what it prints last."""
    out = io.StringIO()
    call_command("import_data", *arguments, "--json", stdout=out, stderr=io.StringIO())
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_a_folder_is_checked_and_then_imported_with_the_mapping(
    agent: User, inbox: Inbox, tmp_path: Path
) -> None:
    dry = run("zendesk", str(DUMPS / "zendesk"), "--dry-run")
    assert not Ticket.objects.exists()
    assert dry["counts"]["ticket"] == {"waiting": 3, "refused": 1}
    assert dry["counts"]["message"] == {"waiting": 3, "refused": 1}
    dry["mapping"]["status"]["open"] = "on_hold"
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps(dry))
    done = run(
        "zendesk", str(DUMPS / "zendesk"), "--mapping", str(mapping), "--new-numbers", "--inbox", "Old desk"
    )
    assert done["counts"]["ticket"] == {"created": 3, "refused": 1}
    assert Ticket.objects.filter(status="on_hold", inbox__name="Old desk").count() == 1
    assert not Ticket.objects.filter(number=35436).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zendesk", "/nowhere"), "Not found"),
        (("elsewhere", "."), "Choose one of"),
        (("csv", "."), "Choose what the lines"),
        (("cs_ops", "tests/imports/dumps"), "no archive"),
    ],
)
def test_what_cannot_be_imported_says_why(db: None, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("import_data", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
