"""What the mapping of an import starts with: which of our values one of theirs most likely is."""

from typing import Any

from django.utils.text import slugify

from imports.importers.csv_tables import CsvTables
from imports.models import Import
from imports.registry import importers
from people.models import Team
from tickets.models import CustomField, Status, Ticket, TicketType

NEW = "+"
LEFT_OUT = ""


def guess_mapping(run: Import) -> dict[str, dict[str, str]]:
    """Return the whole mapping of an import as it is most likely meant; empty targets are left out."""
    importer, found = importers.get(run.source), run.found
    mapping: dict[str, dict[str, str]] = {}
    if importer.is_table:
        mapping["column"] = _columns(run.options["table"], found.get("order", []))
        found = values_in_columns(run.found, mapping["column"])
    for what in importer.translated:
        guess = GUESSES[what]
        mapping[what] = {
            value: guess(importer.guesses.get(what, {}), value, told)
            for value, told in found.get(what, {}).items()
        }
    return mapping


def values_in_columns(found: dict[str, Any], columns: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the values of the columns of a table that are to be translated, by what they are."""
    values: dict[str, dict[str, Any]] = {}
    for name, target in columns.items():
        told = found.get("column", {}).get(name, {})
        if target in ("status", "priority", "type", "group") and told.get("values"):
            values.setdefault(target, {}).update(told["values"])
    return values


def _columns(table: str, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    fields = {
        slugify(label): key
        for key, label in CustomField.objects.filter(is_active=True).values_list("key", "label")
    }
    for name in names:
        target = CsvTables.guess_column(table, name)
        if not target and table == "ticket" and slugify(name) in fields:
            target = f"field:{fields[slugify(name)]}"
        found[name] = "" if target in found.values() else target
    return found


def _status(guesses: Any, value: str, told: Any) -> str:
    rows = dict(Status.objects.values_list("key", "name"))
    guess = guesses.get(value.lower(), "")
    if guess in rows:
        return str(guess)
    named = next((key for key, name in rows.items() if value.lower() in (key, name.lower())), "")
    return named or "open"


def _priority(guesses: Any, value: str, told: Any) -> str:
    guess = guesses.get(value.lower(), value.lower())
    return str(guess) if guess in Ticket.Priority.values else str(Ticket.Priority.NORMAL)


def _type(guesses: Any, value: str, told: Any) -> str:
    row = TicketType.objects.filter(name__iexact=value).first()
    return str(row.pk) if row else NEW


def _group(guesses: Any, value: str, told: Any) -> str:
    row = Team.objects.filter(name__iexact=value).first()
    return str(row.pk) if row else LEFT_OUT


def _field(guesses: Any, value: str, told: Any) -> str:
    label = told.get("label", value)
    row = (
        CustomField.objects.filter(label__iexact=label).first()
        or CustomField.objects.filter(key=slugify(label)).first()
    )
    return row.key if row else NEW if told.get("count") else LEFT_OUT


GUESSES = {"status": _status, "priority": _priority, "type": _type, "group": _group, "field": _field}
