"""A condition on tickets in forms: the field, its widget (``ui/condition_builder.html``) and what the builder is told.

With JavaScript the builder keeps the condition as JSON in one input; without it the parts are plain rows of inputs,
``<name>-field``, ``-is``, ``-value`` and ``-group`` once per row. Both are read here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from tickets.condition_fields import ConditionFields, all_fields
from tickets.condition_kinds import ConditionField
from tickets.conditions import check_condition, clauses

MOST_OPTIONS = 40
SPARE_ROWS = 3
_SPAN = re.compile(r"(\d{1,6})\s*([mhd])", re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def builder(condition: Mapping[str, Any], name: str = "where") -> dict[str, Any]:
    """Return the variables of ``ui/condition_builder.html`` for an input called ``name``; a query per kind of chosen row."""
    fields = all_fields()
    data = {
        "fields": [_for_browser(field) for field in fields],
        "names": _chosen_names(condition, {field.key: field for field in fields}),
        "options_url": reverse("condition-options"),
        "words": _words(),
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
        if isinstance(clause.get("value"), list) and clause.get("field") in fields:
            chosen.setdefault(clause["field"], set()).update(map(str, clause["value"]))
    return {key: fields[key].names(values) for key, values in chosen.items()}


def _words() -> dict[str, str]:
    return {
        "all": _("all of"),
        "any": _("any of"),
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
        "empty": _("No condition: every ticket."),
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
    shown = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return {"field": clause["field"], "is": clause["is"], "value": shown}


class ConditionWidget(forms.Widget):
    """The builder. ``value`` is a condition, or the JSON that was sent."""

    use_fieldset = True

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: object = None
    ) -> Any:
        """Draw the builder; what cannot be read is drawn empty."""
        try:
            condition = check_condition(read_json(value))
        except ValidationError:
            condition = {}
        return render_to_string("ui/condition_builder.html", {"builder": builder(condition, name)})

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> Any:
        """Return the JSON text, or the condition that the plain rows make."""
        return sent_condition(data, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return name not in data and f"{name}-field" not in data

    def id_for_label(self, id_: str | None) -> str:
        """The builder is a group of controls: its label belongs to none of them."""
        return ""


class ConditionFormField(forms.Field):
    """A condition on tickets; cleans to its checked JSON, ``{}`` for "every ticket"."""

    widget = ConditionWidget
    default_error_messages = {"required": gettext_lazy("Add at least one condition.")}

    def to_python(self, value: Any) -> dict[str, Any]:
        """Return the checked condition; raises ValidationError with the clause that is wrong."""
        return check_condition(read_json(value))


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


def sent_condition(data: Mapping[str, Any], name: str) -> Any:
    """Return what was sent under ``name``: JSON text, or the condition that the plain rows make (unchecked)."""
    if not hasattr(data, "getlist") or f"{name}-field" not in data:
        return data.get(name, "")
    known = ConditionFields()
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
    match = "any" if data.get(f"{name}-match") == "any" else "all"
    other = "all" if match == "any" else "any"
    parts = [*groups.pop("", []), *({"match": other, "of": group} for group in groups.values())]
    return {"match": match, "of": parts} if parts else {}


def _plain_value(field: ConditionField | None, operator: str, value: str) -> Any:
    """Read a value as it is typed: names or keys with commas between, "3d" for spans."""
    kind = "" if field is None or operator not in field.operators else field.input_kind(operator)
    if field is not None and kind == "choice":
        by_name = {name.lower(): key for key, name in ((k, str(n)) for k, n in field.options())}
        listed = [one.strip() for one in value.split(",") if one.strip()]
        return [by_name.get(one.lower(), one) for one in listed]
    span = _SPAN.fullmatch(value.strip().lower()) if kind == "span" else None
    return int(span[1]) * _SECONDS[span[2]] if span else value.strip()


@page("tickets.view")
@require_GET
def condition_options(request: StaffRequest) -> HttpResponse:
    """The first values of a field (``field``) whose name contains ``q``, for the builder."""
    field = ConditionFields().get(request.GET.get("field", "")[:80].replace("\x00", ""))
    text = request.GET.get("q", "")[:80].replace("\x00", "")
    found = [] if field is None else field.find_options(text, MOST_OPTIONS)
    return JsonResponse({"options": [[key, str(name)] for key, name in found]})
