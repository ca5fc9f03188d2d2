"""A condition in forms: the field, its widget (``ui/condition_builder.html``) and what the builder is told.

With JavaScript the builder keeps the condition as JSON in one input; without it the parts are plain rows of inputs,
``<name>-field``, ``-is``, ``-value`` and ``-group`` once per row. Both are read here. An app says with ``Rows`` which rows its
conditions choose.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.conditions.kinds import ConditionField
from core.conditions.language import MATCHES, Fields, check, clauses

MOST_OPTIONS = 40
SPARE_ROWS = 3
_SPAN = re.compile(r"(\d{1,6})\s*([mhd])", re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_LISTS = ("of", "from", "to")


@dataclass(frozen=True)
class Rows:
    """The rows that conditions choose: their fields in the order of menus, the fields by key, the address that finds options
    (``options_of``), and the sentence for no condition."""

    listed: Callable[[], Sequence[ConditionField]]
    known: Callable[[], Fields]
    options_url: str
    every: str | Promise


def draw(rows: Rows, condition: Mapping[str, Any], name: str = "where") -> dict[str, Any]:
    """Return the variables of ``ui/condition_builder.html`` for an input called ``name``; a query per kind of chosen row."""
    fields = rows.listed()
    data = {
        "fields": [_for_browser(field) for field in fields],
        "names": _chosen_names(condition, {field.key: field for field in fields}),
        "options_url": reverse(rows.options_url),
        "words": {**_words(), "empty": str(rows.every)},
    }
    return {
        "name": name,
        "condition": json.dumps(condition, separators=(",", ":")) if condition else "",
        "data": data,
        # an attribute: htmx takes script elements out of what it loads
        "json": json.dumps(data, separators=(",", ":")),
        "fields": fields,
        "plain": _plain_rows(condition),
        "match": condition.get("match", "all"),
    }


def _for_browser(field: ConditionField) -> dict[str, Any]:
    operators = [(key, str(label), field.input_kind(key)) for key, label in field.operators.items()]
    return {"key": field.key, "label": str(field.label), "operators": operators}


def _chosen_names(
    condition: Mapping[str, Any], fields: Mapping[str, ConditionField]
) -> dict[str, dict[str, str]]:
    chosen: dict[str, set[str]] = {}
    for clause in clauses(condition):
        if clause.get("field") in fields:
            chosen.setdefault(clause["field"], set()).update(_listed(clause.get("value")))
    return {key: fields[key].names(values) for key, values in chosen.items() if values}


def _listed(value: Any) -> list[str]:
    """Every option that a value names."""
    if isinstance(value, Mapping):
        return [str(one) for name in _LISTS for one in value.get(name) or ()]
    return [str(one) for one in value] if isinstance(value, list) else []


def _words() -> dict[str, str]:
    return {
        "all": _("all of"),
        "any": _("any of"),
        "none": _("none of"),
        "match": _("Match"),
        "field": _("Field"),
        "operator": _("How it is compared"),
        "value": _("Value"),
        "unit": _("Unit"),
        "choose": _("choose …"),
        "search": _("Search"),
        "none_found": _("Nothing is called so."),
        "add": _("Condition"),
        "add_group": _("Group"),
        "remove": _("Remove"),
        "remove_group": _("Remove the group"),
        "minutes": _("minutes"),
        "hours": _("hours"),
        "days": _("days"),
        "yes": _("yes"),
        "no": _("no"),
        "of": _("of"),
        "from": _("from"),
        "to": _("to"),
        "within": _("in the last"),
        "for": _("for at least"),
        "anything": _("anything"),
    }


def _plain_rows(condition: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """The rows for browsers without JavaScript; None when the condition is nested too deep for rows."""
    parts = [condition] if condition and "of" not in condition else list(condition.get("of", ()))
    rows: list[dict[str, str]] = []
    for number, part in enumerate(parts, start=1):
        inner = part.get("of", [part])
        if any("of" in one for one in inner):
            return None
        group = str(number) if "of" in part else ""
        rows += [{**_plain_row(one), "group": group} for one in inner]
    return rows + [{"field": "", "is": "", "value": "", "group": ""}] * SPARE_ROWS


def _plain_row(clause: Mapping[str, Any]) -> dict[str, str]:
    value = clause["value"]
    return {"field": clause["field"], "is": clause["is"], "value": _plain_text(value)}


def _plain_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}={_plain_text(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


class ConditionWidget(forms.Widget):
    """The builder. ``value`` is a condition, or the JSON that was sent."""

    use_fieldset = True
    rows: ClassVar[Rows]

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: object = None
    ) -> Any:
        """Draw the builder; what cannot be read is drawn empty."""
        try:
            condition = check(read_json(value), self.rows.known())
        except ValidationError:
            condition = {}
        return render_to_string("ui/condition_builder.html", {"builder": draw(self.rows, condition, name)})

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> Any:
        """Return the JSON text, or the condition that the plain rows make."""
        return read_sent(data, name, self.rows.known())

    def value_omitted_from_data(self, data: Mapping[str, Any], files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return name not in data and f"{name}-field" not in data

    def id_for_label(self, id_: str | None) -> str:
        """The builder is a group of controls: its label belongs to none of them."""
        return ""


class ConditionFormField(forms.Field):
    """A condition; cleans to its checked JSON, ``{}`` for every row. ``widget`` knows which rows."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "required": gettext_lazy("Add at least one condition.")
    }

    def to_python(self, value: Any) -> dict[str, Any]:
        """Return the checked condition; raises ValidationError with the clause that is wrong."""
        return check(read_json(value), self.widget.rows.known())


def read_json(value: Any) -> Any:
    """Return a condition from JSON text; what is no text is returned as it is. Raises ValidationError."""
    if not isinstance(value, str):
        return value or {}
    if not value.strip():
        return {}
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValidationError(_("This condition cannot be read.")) from None


def read_sent(data: Mapping[str, Any], name: str, known: Fields) -> Any:
    """Return what was sent under ``name``: JSON text, or the condition that the plain rows make (unchecked)."""
    if not hasattr(data, "getlist") or f"{name}-field" not in data:
        return data.get(name, "")
    groups: dict[str, list[dict[str, Any]]] = {}
    columns = (data.getlist(f"{name}-{part}") for part in ("field", "is", "value", "group"))
    for field, operator, value, group in zip(*columns, strict=False):
        if field and operator:
            clause = {
                "field": field,
                "is": operator,
                "value": _plain_value(known.get(field), operator, value),
            }
            groups.setdefault(group[:2], []).append(clause)
    match = data.get(f"{name}-match", "")
    match = match if match in MATCHES else "all"
    other = "any" if match == "all" else "all"
    parts = [*groups.pop("", []), *({"match": other, "of": group} for group in groups.values())]
    return {"match": match, "of": parts} if parts else {}


def _plain_value(field: ConditionField | None, operator: str, value: str) -> Any:
    """Read a value as it is typed: names or keys with commas between, "3d" for spans."""
    kind = "" if field is None or operator not in field.operators else field.input_kind(operator)
    if field is not None and kind == "choice":
        return _plain_options(field, value)
    if field is not None and kind.startswith("parts:"):
        pairs = (part.partition("=") for part in value.split(";") if "=" in part)
        typed = {name.strip(): text.strip() for name, _sign, text in pairs}
        return {name: _plain_options(field, text) if name in _LISTS else text for name, text in typed.items()}
    span = _SPAN.fullmatch(value.strip().lower()) if kind == "span" else None
    return int(span[1]) * _SECONDS[span[2]] if span else value.strip()


def _plain_options(field: ConditionField, value: str) -> list[str]:
    by_name = {name.lower(): key for key, name in ((k, str(n)) for k, n in field.options())}
    listed = [one.strip() for one in value.split(",") if one.strip()]
    return [by_name.get(one.lower(), one) for one in listed]


def options_of(known: Fields, wanted: Mapping[str, str]) -> JsonResponse:
    """Answer the builder: the first values of a field (``field``) whose name contains ``q``."""
    field = known.get(wanted.get("field", "")[:80].replace("\x00", ""))
    text = wanted.get("q", "")[:80].replace("\x00", "")
    found = [] if field is None else field.find_options(text, MOST_OPTIONS)
    return JsonResponse({"options": [[key, str(name)] for key, name in found]})
