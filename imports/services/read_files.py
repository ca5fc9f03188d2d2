"""Read the files of an import into rows, slice by slice.

Rows and place are written together, and only by who has the job: a killed worker loses nothing, a second one doubles nothing.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from imports.guesses import guess_mapping
from imports.models import Import, ImportRow
from imports.neutral import FileData, Record
from imports.registry import Importer, Reading, importers
from imports.services.thread_mails import thread_mails
from imports.sources import Member, Refused, SourceFiles
from tickets.message_text import one_line, storable
from tickets.stored_files import store_file

SLICE_SECONDS = 15.0
# So often the lease is kept while nothing is stored.
LEASE_SECONDS = 15.0
BATCH = 500
MOST_VALUES = 300
MOST_CHOICES = 40
MOST_NOTES = 20
# The one "status" that mails have over there.
CONVERSATION = "conversation"
_SAID_ON_TICKETS = ("status", "priority", "type", "group")


class _Taken(Exception):
    """Somebody else reads these files now, or nobody shall any more."""


def read_slice(run: Import, is_mine: Callable[[], bool] = lambda: True) -> tuple[int, bool]:
    """Read on for some seconds; returns how many rows there are now and whether the files are at their end.

    ``is_mine`` keeps the lease of the job and says whether it still holds. An upload that cannot be opened ends as refused.
    """
    place = _Place(is_mine)
    try:
        with SourceFiles(run.files) as source:
            members = source.members()
            named = {one.name: one for one in members}
            reading = Reading(run.options, named, _keep, lambda: place.to_pass > 0)
            while run.place.get("member", 0) < len(members):
                _read_member(run, members[run.place.get("member", 0)], reading, place)
                if time.monotonic() > place.until:
                    return _rows_of(run), False
    except _Taken:
        run.refresh_from_db()
        return _rows_of(run), run.state != Import.State.UPLOADED
    except Refused as error:
        _refuse(run, str(error))
        return 0, True
    except FileNotFoundError:
        _refuse(run, _("The uploaded file is gone."))
        return 0, True
    return _finish(run), True


class _Place:
    """How long this slice goes on, and how many records of the file are still to be passed because they are stored."""

    def __init__(self, is_mine: Callable[[], bool]) -> None:
        self.is_mine = is_mine
        self.until = time.monotonic() + SLICE_SECONDS
        self.to_pass = 0

    def go_to(self, at: int, records: Iterator[Record]) -> None:
        """Pass the first ``at`` records. However long that takes, the slice then still has its time: it gets somewhere."""
        self.to_pass = at
        look_at = time.monotonic() + LEASE_SECONDS
        while self.to_pass and next(records, None) is not None:
            self.to_pass -= 1
            if time.monotonic() > look_at:
                look_at = time.monotonic() + LEASE_SECONDS
                if not self.is_mine():
                    raise _Taken
        self.to_pass = 0
        if at:
            self.until = max(self.until, time.monotonic() + SLICE_SECONDS)


def _keep(name: str, content: bytes, content_type: str) -> FileData:
    sha256, key = store_file(content)
    found: FileData = {"name": one_line(storable(name), 255), "content_type": content_type[:120]}
    return {**found, "sha256": sha256, "key": key, "size": len(content)}


def _read_member(run: Import, member: Member, reading: Reading, place: _Place) -> None:
    """Read one file from where it was left, until its end or the time is over. Raises _Taken."""
    importer = importers.get(run.source)
    records = _records(importer, member, reading)
    place.go_to(run.place.get("at", 0), records)
    is_whole = False
    while not is_whole:
        batch: list[Record] = []
        while len(batch) < BATCH and not (batch and time.monotonic() > place.until):
            record = next(records, None)
            if record is None:
                is_whole = True
                break
            batch.append(record)
        with transaction.atomic():
            _hold(run, place)
            _store(run, batch, member.name, is_table=importer.is_table)
            number, at = run.place.get("member", 0), run.place.get("at", 0)
            run.place = (
                {"member": number + 1, "at": 0} if is_whole else {"member": number, "at": at + len(batch)}
            )
            run.save(update_fields=["place", "found"])
        if time.monotonic() > place.until:
            return


def _hold(run: Import, place: _Place) -> None:
    """Lock the import for this transaction; raises _Taken when it is not where this slice has read it to be."""
    now = Import.objects.select_for_update(of=("self",)).filter(pk=run.pk).first()
    is_here = now is not None and now.state == Import.State.UPLOADED and now.place == run.place
    if not is_here or not place.is_mine():
        raise _Taken


def _records(importer: Importer, member: Member, reading: Reading) -> Iterator[Record]:
    """The records of a file; one that cannot be read ends with a record that says so, and the next file follows."""
    try:
        yield from importer.records(member, reading)
    except Refused as error:
        yield Record("", "", error=str(error))


def _store(run: Import, batch: list[Record], name: str, *, is_table: bool) -> None:
    rows = []
    for record in batch:
        _note(run.found, record, is_table=is_table)
        if record.kind in ("field", "note"):
            continue
        outcome = ImportRow.Outcome.REFUSED if record.error else ImportRow.Outcome.WAITING
        rows.append(
            ImportRow(
                run=run,
                kind=record.kind,
                file=name[-200:],
                line=record.line,
                external_id=record.external_id[:160],
                parent=record.parent,
                data=record.data,
                outcome=outcome,
                error=record.error[:500],
            )
        )
    ImportRow.objects.bulk_create(rows, batch_size=BATCH)


def _note(found: dict[str, Any], record: Record, *, is_table: bool) -> None:
    """Remember which values there are, for the mapping."""
    if record.kind == "note":
        notes = found.setdefault("notes", [])
        if record.data["text"] not in notes and len(notes) < MOST_NOTES:
            notes.append(record.data["text"])
    elif record.kind == "field":
        fields = found.setdefault("field", {})
        fields[record.external_id] = {
            **record.data,
            "count": fields.get(record.external_id, {}).get("count", 0),
        }
    else:
        kinds = found.setdefault("kinds", {})
        kinds[record.kind] = kinds.get(record.kind, 0) + 1
        if not record.error:
            _note_values(found, record, is_table=is_table)


def _note_values(found: dict[str, Any], record: Record, *, is_table: bool) -> None:
    if is_table:
        _note_cells(found, record.data.get("cells", {}))
    elif record.kind == "mail":
        _count(found.setdefault("status", {}), CONVERSATION, MOST_VALUES)
    elif record.kind == "ticket":
        for what in _SAID_ON_TICKETS:
            _count(found.setdefault(what, {}), record.data.get(what, ""), MOST_VALUES)
        fields = found.setdefault("field", {})
        for key, value in record.data.get("fields", {}).items():
            if key in fields or len(fields) < MOST_VALUES:
                unknown = {"label": key[:60], "kind": _kind_of(value), "options": [], "count": 0}
                fields.setdefault(key, unknown)["count"] += 1


def _note_cells(found: dict[str, Any], cells: dict[str, str]) -> None:
    columns = found.setdefault("column", {})
    # Databases keep no order of names.
    order = found.setdefault("order", [])
    for name, cell in cells.items():
        if name not in columns:
            order.append(name)
        one = columns.setdefault(name, {"samples": [], "values": {}})
        if not cell:
            continue
        if len(one["samples"]) < 3 and cell[:80] not in one["samples"]:
            one["samples"].append(cell[:80])
        if one["values"] is not None:
            _count(one["values"], cell[:80], MOST_CHOICES + 1)
            if len(one["values"]) > MOST_CHOICES:
                one["values"] = None


def _count(values: dict[str, int], value: str, most: int) -> None:
    if value and (value in values or len(values) < most):
        values[value] = values.get(value, 0) + 1


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "text"


def _rows_of(run: Import) -> int:
    return run.rows.count()


def _finish(run: Import) -> int:
    count = _rows_of(run)
    if not count:
        _refuse(run, _("There is nothing in it that this kind of import knows."))
        return 0
    thread_mails(run)
    run.mapping = guess_mapping(run)
    run.state = Import.State.READ
    Import.objects.filter(pk=run.pk, state=Import.State.UPLOADED).update(state=run.state, mapping=run.mapping)
    return count


def _refuse(run: Import, reason: str) -> None:
    run.state, run.error = Import.State.FAILED, reason[:500]
    Import.objects.filter(pk=run.pk).update(state=run.state, error=run.error)
