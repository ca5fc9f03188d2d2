"""A condition on tickets in forms: the builder of ``core.conditions.form`` over the fields of tickets."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from core.conditions import form
from core.conditions.form import Rows, draw, options_of, read_json, read_sent
from people.requests import StaffRequest, page
from tickets.condition_fields import ConditionFields, all_fields

__all__ = [
    "ConditionFormField",
    "ConditionWidget",
    "builder",
    "condition_options",
    "read_json",
    "sent_condition",
]

TICKETS = Rows(
    listed=all_fields,
    known=ConditionFields,
    options_url="condition-options",
    every=gettext_lazy("No condition: every ticket."),
)


def builder(condition: Mapping[str, Any], name: str = "where") -> dict[str, Any]:
    """Return the variables of ``ui/condition_builder.html`` for an input called ``name``; a query per kind of chosen row."""
    return draw(TICKETS, condition, name)


class ConditionWidget(form.ConditionWidget):
    """The builder over the fields of tickets."""

    rows = TICKETS


class ConditionFormField(form.ConditionFormField):
    """A condition on tickets; cleans to its checked JSON, ``{}`` for "every ticket"."""

    widget = ConditionWidget


def sent_condition(data: Mapping[str, Any], name: str) -> Any:
    """Return what was sent under ``name``: JSON text, or the condition that the plain rows make (unchecked)."""
    return read_sent(data, name, ConditionFields())


@page("tickets.view")
@require_GET
def condition_options(request: StaffRequest) -> HttpResponse:
    """The first values of a field (``field``) whose name contains ``q``, for the builder."""
    return options_of(ConditionFields(), request.GET)
