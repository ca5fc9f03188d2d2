"""Write lists of tickets as CSV and Excel files: chosen columns, plain values, nothing that a spreadsheet would run."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

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
# What a spreadsheet takes for the start of a formula, wide forms included.
_STARTS_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def harmless(text: str) -> str:
    """Return the text so that no spreadsheet runs it: a leading apostrophe before what would start a formula."""
    return f"'{text}" if _STARTS_FORMULA.match(text) else text


def export_rows(tickets: QuerySet[Ticket], columns: Sequence[Column]) -> Iterator[list[Value]]:
    """Yield the values of the columns for each ticket, in the order of ids, in constant memory."""
    after = 0
    while True:
        page = load_columns(tickets.filter(pk__gt=after).order_by("pk"), columns)
        chunk = list(page[:CHUNK])
        for ticket in chunk:
            yield [column.read(ticket) for column in columns]
        if len(chunk) < CHUNK:
            return
        after = chunk[-1].pk


def write_csv(path: Path, tickets: QuerySet[Ticket], columns: Sequence[Column]) -> int:
    """Write a CSV file, in UTF-8 with a mark so that Excel reads it; returns the number of tickets in it."""
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(str(column.label)) for column in columns])
        for values in export_rows(tickets, columns):
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


def write_xlsx(path: Path, tickets: QuerySet[Ticket], columns: Sequence[Column], title: str) -> int:
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
    for values in export_rows(tickets, columns):
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
