"""The changelog of the API tells the contract that the code has."""

import re
from typing import Any

import pytest

from core.api.contract import differences, digest_of, present_contract
from core.management.commands.api_contract import FOLDER, MARK, told_contract

pytestmark = pytest.mark.django_db
HINT = 'tell it: manage.py api_contract --write "What clients should know."'


def test_the_changelog_tells_of_every_change() -> None:
    now = present_contract()
    changed = differences(told_contract(), now)
    assert not changed, f"{HINT}\n" + "\n".join(changed)
    entries = (FOLDER / "changelog.md").read_text().partition(MARK)[2]
    newest = re.search(r"^## \d{4}-\d\d-\d\d · contract ([0-9a-f]{12})\n\n- \S", entries, flags=re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == digest_of(now), HINT


def test_differences_are_named() -> None:
    def operation(**parts: Any) -> dict[str, Any]:
        return {"id": "x", "parameters": {}, "answers": {}} | parts

    before = {"GET /a/": operation(), "GET /b/": operation()}
    after = {"GET /a/": operation(parameters={"query q": "string"}), "GET /c/": operation()}
    assert differences(before, after) == ["added: GET /c/", "gone: GET /b/", "changed: GET /a/ (parameters)"]
    assert digest_of(before) != digest_of(after)
    assert differences(after, after) == []


def test_a_field_that_becomes_required_is_a_change() -> None:
    contract = present_contract()
    assert contract["POST /api/v1/tickets/"]["needs"] == ["body", "contact", "subject"]
    assert contract["GET /api/v1/tickets/"]["scopes"] == ["tickets:read", "tickets:write"]
