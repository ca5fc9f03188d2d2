"""The conditions on tickets that are stored: in views, rules, policies, macros and custom fields."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext as _

from tickets.conditions import clauses


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


def refuse_while_asked_for(field: str, value: str | None = None) -> None:
    """Raise ValidationError when a stored condition asks about ``field``, or with ``value`` for this value of it."""
    for row, condition in stored_conditions():
        for clause in clauses(condition):
            if clause.get("field") == field and (value is None or value in _values(clause)):
                kind = row._meta.verbose_name
                raise ValidationError(
                    _("The condition of “%(row)s” (%(kind)s) asks for it: change that first.")
                    % {"row": row, "kind": kind}
                )


def _values(clause: Mapping[str, Any]) -> list[str]:
    value = clause.get("value")
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
