"""Reads of imports: what the pages and REST show."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from imports.checks import NAMES
from imports.guesses import LEFT_OUT, NEW, values_in_columns
from imports.models import Import, ImportRow
from imports.registry import importers
from people.models import Team
from people.viewer import Viewer
from tickets.exports import harmless
from tickets.models import CustomField, Inbox, Status, Ticket, TicketType

PREVIEWED = 10
MOST_ERRORS = 100_000


def import_list(viewer: Viewer) -> QuerySet[Import]:
    """Return the imports, newest first, with their jobs and who made them."""
    return Import.objects.visible_to(viewer).select_related("job", "made_by")


def import_inboxes() -> QuerySet[Inbox]:
    """Return the inboxes that imported tickets can belong to: their answers leave from its address."""
    return Inbox.objects.filter(is_active=True, channel="email").order_by("name")


@dataclass(frozen=True)
class Choice:
    """One value of the source and what it can become: ``name`` is the form's, options are (value, label)."""

    name: str
    theirs: str
    sub: str
    chosen: str
    options: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """The choices about one kind of values."""

    key: str
    heading: str
    help: str
    choices: list[Choice]


def mapping_sections(run: Import) -> list[Section]:
    """Return what has to be said about an import before it runs."""
    sections = []
    found = run.found
    if importers.get(run.source).is_table:
        columns = found.get("column", {})
        told = {name: " · ".join(columns[name].get("samples", [])) for name in found.get("order", [])}
        sections.append(_section(run, "column", told, _column_options(run)))
        found = values_in_columns(run.found, run.mapping.get("column", {}))
    options = {
        "status": _status_options,
        "priority": _priority_options,
        "type": _type_options,
        "group": _group_options,
    }
    for what, read in options.items():
        if found.get(what):
            sections.append(_section(run, what, {value: str(n) for value, n in found[what].items()}, read()))
    fields = {key: one for key, one in found.get("field", {}).items() if one.get("count")}
    if fields:
        told = {key: f"{one['label']} · {one['count']}" for key, one in fields.items()}
        sections.append(_section(run, "field", told, _field_options()))
    return sections


def _section(run: Import, what: str, told: Mapping[str, str], options: list[tuple[str, str]]) -> Section:
    headings = {
        "column": (_("Columns"), _("What each column of the table is here.")),
        "status": (_("Statuses"), _("What each status over there is here.")),
        "priority": (_("Priorities"), ""),
        "type": (_("Types"), ""),
        "group": (_("Groups"), _("Which team a ticket of the group belongs to.")),
        "field": (_("Fields"), _("A new field is made with the name over there.")),
    }
    chosen = run.mapping.get(what, {})
    heading, help_text = headings[what]
    choices = [
        Choice(f"{what}-{place}", theirs, sub, chosen.get(theirs, LEFT_OUT), options)
        for place, (theirs, sub) in enumerate(told.items())
    ]
    return Section(what, heading, help_text, choices)


def _column_options(run: Import) -> list[tuple[str, str]]:
    options = [(LEFT_OUT, _("— leave out —"))]
    options += [(key, str(label)) for key, label in importers.get(run.source).columns(run.options)]
    if run.options.get("table") == "ticket":
        fields = CustomField.objects.filter(is_active=True).exclude(kind=CustomField.Kind.REFERENCE)
        options += [(f"field:{one.key}", _("Field: %s") % one.label) for one in fields]
    return options


def _status_options() -> list[tuple[str, str]]:
    return [(one.pk, one.name) for one in Status.objects.all()]


def _priority_options() -> list[tuple[str, str]]:
    return [(value, str(label)) for value, label in Ticket.Priority.choices]


def _type_options() -> list[tuple[str, str]]:
    rows = TicketType.objects.values_list("pk", "name")
    return [(LEFT_OUT, _("— leave out —")), (NEW, _("New type")), *((str(pk), name) for pk, name in rows)]


def _group_options() -> list[tuple[str, str]]:
    rows = Team.objects.values_list("pk", "name")
    return [(LEFT_OUT, _("— no team —")), *((str(pk), name) for pk, name in rows)]


def _field_options() -> list[tuple[str, str]]:
    rows = CustomField.objects.exclude(kind=CustomField.Kind.REFERENCE).values_list("key", "label")
    return [(LEFT_OUT, _("— leave out —")), (NEW, _("New field")), *rows]


@dataclass(frozen=True)
class Preview:
    """The first records: the names of the columns, and lines of as many cells."""

    columns: list[str]
    lines: list[list[str]]


def preview_of(run: Import) -> Preview:
    """Return the first ten records as a table."""
    rows = list(run.rows.exclude(data={}).order_by("pk")[:PREVIEWED])
    if importers.get(run.source).is_table:
        names = run.found.get("order", [])
        return Preview(
            names, [[_short(row.data.get("cells", {}).get(name)) for name in names] for row in rows]
        )
    columns = [_("Kind"), _("Id over there"), _("What it says")]
    return Preview(columns, [[str(NAMES[row.kind]), row.external_id[:24], _said(row.data)] for row in rows])


def _short(value: Any) -> str:
    text = str(value or "")
    return text if len(text) <= 60 else f"{text[:59]}…"


def _said(data: Mapping[str, Any]) -> str:
    return _short(data.get("subject") or data.get("name") or data.get("text") or data.get("email"))


@dataclass(frozen=True)
class CountLine:
    """How many records of a kind there are, and what became of them."""

    kind: str
    total: int
    outcomes: list[tuple[str, int, str]]


_TONES = {"created": "good", "refused": "bad", "updated": "info"}


def count_lines(run: Import) -> list[CountLine]:
    """Return the counts of an import as they were last taken, kinds in the order of work."""
    names = {str(value): str(label) for value, label in ImportRow.Outcome.choices}
    lines = []
    for kind, label in NAMES.items():
        counts: Mapping[str, int] = run.counts.get(kind, {})
        if counts:
            told = [
                (names.get(key, _("Fine")), number, _TONES.get(key, ""))
                for key, number in sorted(counts.items())
            ]
            lines.append(CountLine(str(label), sum(counts.values()), told))
    return lines


def kind_lines(run: Import) -> list[tuple[str, int]]:
    """Return how many records of each kind were found in the files."""
    kinds: Mapping[str, int] = run.found.get("kinds", {})
    return [(str(label), kinds[kind]) for kind, label in NAMES.items() if kinds.get(kind)]


def problem_rows(run: Import) -> QuerySet[ImportRow]:
    """Return the rows that are refused, or that something is to be said about, in their order."""
    return run.rows.exclude(error="").order_by("pk")


def problems_as_csv(run: Import) -> Iterator[str]:
    """Yield the lines of a table of the refused rows: where, why and what; nothing that a spreadsheet would run."""
    names = run.found.get("order", [])
    yield _line(["file", "line", "kind", "id", "outcome", "error", *names])
    for row in problem_rows(run)[:MOST_ERRORS].iterator(chunk_size=500):
        cells = row.data.get("cells", {})
        values = [row.file, str(row.line), row.kind, row.external_id, row.outcome, row.error]
        yield _line([*values, *(str(cells.get(name, "")) for name in names)])


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([harmless(cell) for cell in cells])
    return text.getvalue()
