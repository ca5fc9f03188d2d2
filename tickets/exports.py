"""Write lists of tickets as CSV and Excel files: chosen columns, plain values, nothing that a spreadsheet would run.

A long list is written in parts, each a stored file with one row of values in JSON per line, and put together at the end: memory
stays the same however long it is.
"""

import csv
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from tickets.list_columns import Column, Value, load_columns
from tickets.models import Ticket

CHUNK = 500
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# What a spreadsheet takes for the start of a formula, wide forms included.
_STARTS_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def harmless(text: str) -> str:
    """Return the text so that no spreadsheet runs it: a leading apostrophe before what would start a formula."""
    return f"'{text}" if _STARTS_FORMULA.match(text) else text


def export_chunks(
    tickets: QuerySet[Ticket], columns: Sequence[Column], *, after: int = 0
) -> Iterator[tuple[int, list[list[Value]]]]:
    """Yield (last id, rows of values) for 500 tickets at a time, those with ids above ``after`` in the order of ids."""
    while True:
        page = load_columns(tickets.filter(pk__gt=after).order_by("pk"), columns)
        chunk = list(page[:CHUNK])
        if chunk:
            after = chunk[-1].pk
            yield after, [[column.read(ticket) for column in columns] for ticket in chunk]
        if len(chunk) < CHUNK:
            return


def export_rows(tickets: QuerySet[Ticket], columns: Sequence[Column]) -> Iterator[list[Value]]:
    """Yield the values of the columns for each ticket, in the order of ids, in constant memory."""
    for _last, rows in export_chunks(tickets, columns):
        yield from rows


def write_file(
    path: Path, form: str, rows: Iterable[list[Value]], columns: Sequence[Column], title: str
) -> int:
    """Write the rows as ``csv`` or ``xlsx``; returns how many there were."""
    return write_csv(path, rows, columns) if form == "csv" else write_xlsx(path, rows, columns, title)


def write_csv(path: Path, rows: Iterable[list[Value]], columns: Sequence[Column]) -> int:
    """Write a CSV file, in UTF-8 with a mark so that Excel reads it; returns the number of tickets in it."""
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(str(column.label)) for column in columns])
        for values in rows:
            writer.writerow([_as_text(value) for value in values])
            written += 1
    return written


def _as_text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else harmless(value)


def write_xlsx(path: Path, rows: Iterable[list[Value]], columns: Sequence[Column], title: str) -> int:
    """Write an Excel file; returns the number of tickets in it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", title)[:31] or "Tickets")
    sheet.freeze_panes = "A2"
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = 48 if column.kind == "subject" else 18
    heading = [WriteOnlyCell(sheet, value=harmless(str(column.label))) for column in columns]
    for cell in heading:
        cell.font = Font(bold=True)
    sheet.append(heading)
    written = 0
    for values in rows:
        sheet.append([_as_cell(value) for value in values])
        written += 1
    book.save(path)
    return written


def _as_cell(value: Value) -> Any:
    if isinstance(value, datetime):
        return timezone.make_naive(value).replace(microsecond=0)
    if isinstance(value, str):
        return harmless(ILLEGAL_CHARACTERS_RE.sub("", value))
    return value


# --- parts ------------------------------------------------------------------------------------------------------------


def store_part(folder: str, chunks: Iterable[list[list[Value]]]) -> str:
    """Store rows of values as one part and return its key. A part that is written again gets another key."""
    with tempfile.TemporaryFile() as lines:
        for rows in chunks:
            told = (json.dumps([_told(value) for value in row]) for row in rows)
            lines.write("".join(f"{line}\n" for line in told).encode())
        lines.seek(0)
        return default_storage.save(f"{folder}/part.jsonl", File(lines))


def stored_rows_of(keys: Sequence[str]) -> Iterator[list[Value]]:
    """Yield the rows of the parts in their order. Raises FileNotFoundError for a part that is gone."""
    for key in keys:
        with default_storage.open(key, "rb") as lines:
            for line in lines:
                yield [_understood(value) for value in json.loads(line)]


def _told(value: Value) -> Any:
    """A value in JSON: moments and days are told apart from texts."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return {"on": value.isoformat()} if isinstance(value, date) else value


def _understood(told: Any) -> Value:
    if isinstance(told, dict):
        return datetime.fromisoformat(told["at"]) if "at" in told else date.fromisoformat(told["on"])
    value: Value = told
    return value


def delete_folder(folder: str) -> None:
    """Delete everything that is stored in a folder of an export."""
    try:
        _folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)
