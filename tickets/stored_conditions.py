"""The conditions on tickets that are stored: in views, rules, policies, macros and custom fields."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.conditions import clauses
from tickets.models import TicketExport


def stored_conditions() -> Iterator[tuple[models.Model, dict[str, Any]]]:
    """Yield (row, condition) of every row that has one; the rows hold no more than their key and it."""
    for model in _models_with_condition():
        for row in model._default_manager.exclude(condition={}).only("pk", "condition"):
            yield row, row.condition  # type: ignore[attr-defined]


def _models_with_condition() -> Iterator[type[models.Model]]:
    """Every model that stores a condition on tickets does so in a JSON column of this name."""
    for model in apps.get_models():
        try:
            field = model._meta.get_field("condition")
        except FieldDoesNotExist:
            continue
        if isinstance(field, models.JSONField):
            yield model


def refuse_while_asked_for(field: str, value: str | None = None, *, by: Viewer) -> None:
    """Raise ValidationError when a stored condition asks about ``field``, or with ``value`` for this value of it.

    The sentence names the row when ``by`` may see it, else it tells its kind and number. Exports do not count: each is the copy
    of a view at its time, which nobody can change.
    """
    for row, condition in stored_conditions():
        if isinstance(row, TicketExport):
            continue
        for clause in clauses(condition):
            if clause.get("field") == field and (value is None or value in _values(clause)):
                told = {"row": _name_for(row, by), "kind": row._meta.verbose_name}
                raise ValidationError(
                    _("The condition of “%(row)s” (%(kind)s) asks for it: change that first.") % told
                )


def _name_for(row: models.Model, by: Viewer) -> str:
    """The name of a row; its number when it belongs to somebody else, as a personal view does."""
    visible_to = getattr(row._meta.default_manager, "visible_to", None)
    if visible_to is not None and not visible_to(by).filter(pk=row.pk).exists():
        return f"#{row.pk}"
    return str(row)


def _values(clause: Mapping[str, Any]) -> list[str]:
    value = clause.get("value")
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
