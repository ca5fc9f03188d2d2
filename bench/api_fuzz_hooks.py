"""Hooks of schemathesis for ``api_fuzz.py``: three of four requests are about rows that there are, not about random ids.

``FUZZ_POOL`` names a JSON file: {address of a list: the ids in it}. An id in a path is taken from the list whose address stands
before it, ids in bodies and queries from the list of their name. What is taken follows from the case, so a run can be repeated.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

POOL: dict[str, list[Any]] = json.loads(Path(os.environ["FUZZ_POOL"]).read_text())
BASE = "/api/v1/"
# Where the ids of a name in a body, a query or the end of a path are listed.
LISTS = {
    "account": "accounts", "agent": "people", "assignee": "people", "category": "categories", "contact": "contacts",
    "contact_pk": "contacts", "csm": "people", "deputy": "people", "inbox": "inboxes", "into": "tickets", "macro_pk": "macros",
    "owner": "people", "playbook": "playbooks", "tag": "tags", "team": "teams", "teams": "teams", "ticket": "tickets",
    "to": "tickets", "type": "ticket-types", "user": "people", "user_pk": "people",
}  # fmt: skip


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Put ids of rows into the case."""
    seed = zlib.crc32(repr((case.method, case.path, case.path_parameters, case.query, case.body)).encode())
    if seed % 4 == 0:
        return
    if case.path_parameters:
        _fill_path(case, seed)
    for values in (case.query, case.body):
        if isinstance(values, dict):
            _fill(values, seed)
            for item in values.get("items", ()) if isinstance(values.get("items"), list) else ():
                if isinstance(item, dict):
                    _fill(item, seed)


def _fill_path(case: Any, seed: int) -> None:
    before = ""
    parts = case.path.split("/")
    for place, part in enumerate(parts):
        name = part[1:-1] if part.startswith("{") else ""
        if name and name in case.path_parameters:
            found = POOL.get(before) or POOL.get(f"{BASE}{LISTS.get(name, '')}/")
            if found:
                # Rather one of those that have rows in the list below.
                below = "/".join(parts[place + 1 :]).partition("{")[0]
                deeper = [one for one in found if below and f"{before}{one}/{below}" in POOL]
                found = deeper or found
                case.path_parameters[name] = found[seed % len(found)]
            part = str(case.path_parameters[name])
        before += f"{part}/"


def _fill(values: dict[str, Any], seed: int) -> None:
    for name, value in values.items():
        found = POOL.get(f"{BASE}{LISTS.get(name, '')}/")
        if found and isinstance(value, int | str) and not isinstance(value, bool):
            values[name] = found[(seed >> 3) % len(found)]
