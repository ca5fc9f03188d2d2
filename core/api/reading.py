"""What a read takes in its address: filters, order, fields. Each is declared once, at the view; anything else is refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.pagination import KeysetPagination

Load = Callable[[QuerySet[Any]], QuerySet[Any]]
FIELDS = "fields"
ORDERING = "ordering"
MOST_LETTERS = 500


def a_number(value: str) -> int:
    """Return the id that a parameter holds; raises ValueError for what no column holds."""
    if not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise ValueError(f"{value!r} is no id")
    return int(value)


def a_moment(value: str) -> datetime:
    """Return the time that a parameter holds, UTC unless it names a zone; raises ValueError."""
    moment = datetime.fromisoformat(value)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error


def _yes_or_no(value: str) -> bool:
    return {"true": True, "false": False}[value]


_READS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "id": a_number,
    "number": a_number,
    "time": a_moment,
    "day": date.fromisoformat,
    "flag": _yes_or_no,
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "id": {"type": "integer", "minimum": 1},
    "number": {"type": "integer", "minimum": 0},
    "time": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "flag": {"type": "boolean"},
}


@dataclass(frozen=True)
class Filter:
    """One filter of a list.

    ``kind`` is text, id, number, time, day or flag. ``lookup`` is the condition on the rows; without one the view hands the value
    to its selector itself. With ``none`` the word "none" asks for rows without a value.
    """

    name: str
    kind: str = "text"
    lookup: str = ""
    choices: tuple[str, ...] = ()
    none: bool = False
    required: bool = False
    description: str = ""

    def parameter(self) -> OpenApiParameter:
        """Return how the schema tells it."""
        schema: dict[str, Any] = dict(_SCHEMAS[self.kind])
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.none:
            schema = {"oneOf": [schema, {"type": "string", "enum": ["none"]}]}
        return OpenApiParameter(self.name, schema, description=self.description, required=self.required)

    def condition(self, value: str) -> Q:
        """Return the condition on the rows; raises ValueError or LookupError for a value that cannot be used."""
        if "\0" in value or len(value) > MOST_LETTERS:
            raise ValueError("no text that a column holds")
        if self.none and value == "none":
            return Q(**{f"{self.lookup}__isnull": True})
        if self.choices and value not in self.choices:
            raise LookupError(value)
        return Q(**{self.lookup: _READS[self.kind](value)})


def select(*names: str) -> Load:
    """Return what reads related rows along, in the same query."""
    return lambda rows: rows.select_related(*names)


def prefetch(*lookups: Any) -> Load:
    """Return what reads related rows along, in a query each."""
    return lambda rows: rows.prefetch_related(*lookups)


class Listing:
    """A list of the API: its shape, the filters, orders and fields that its address takes.

    ``orders`` maps names to columns that are never empty (see KeysetPagination); the first is the usual one, and each is taken
    with ``-`` before it, too. ``loads`` names what has to be read along for a field: without the field it is not.
    """

    def __init__(
        self,
        shape: type[serializers.BaseSerializer[Any]],
        *,
        filters: Sequence[Filter] = (),
        orders: Sequence[str] = ("-id",),
        loads: Mapping[str, Load | Sequence[Load]] | None = None,
    ) -> None:
        self.shape = shape
        self.filters = {one.name: one for one in filters}
        self.orders = tuple(orders)
        self.loads = {
            name: (found,) if callable(found) else tuple(found) for name, found in (loads or {}).items()
        }

    def parameters(self) -> list[OpenApiParameter]:
        """Return what the schema tells of the address."""
        told = [one.parameter() for one in self.filters.values()]
        if len(self.orders) > 1:
            told.append(
                OpenApiParameter(
                    ORDERING, str, enum=self._every_order(), description=f"{self.orders[0]} when absent"
                )
            )
        return [*told, fields_parameter()]

    def asked(self, request: Request) -> dict[str, str]:
        """Return the filters of the address that the view hands to its selector."""
        sent = request.query_params.dict()
        return {
            one.name: sent[one.name] for one in self.filters.values() if not one.lookup and one.name in sent
        }

    def filtered(self, request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the rows by the filters that have a lookup; raises ValidationError naming what cannot be used."""
        refused: dict[str, list[str]] = {}
        for name, value in request.query_params.dict().items():
            known = self.filters.get(name)
            if known is None or not known.lookup or value == "":
                continue
            try:
                rows = rows.filter(known.condition(value))
            except (ValueError, LookupError):
                refused[name] = [
                    _("Choose one of: %s.") % ", ".join(known.choices)
                    if known.choices
                    else _("This value cannot be used.")
                ]
        if refused:
            raise ValidationError(refused)
        return rows

    def answer(self, request: Request, view: APIView, rows: QuerySet[Any], **context: Any) -> Response:
        """Answer one page of the rows, filtered, in the order asked for, with the fields asked for."""
        wanted = wanted_fields(request, self.shape)
        rows = self.loaded(self.filtered(request, rows), wanted)
        pages = KeysetPagination()
        pages.ordering = self._order(request)
        found = pages.paginate_queryset(rows, request, view)
        return pages.get_paginated_response(self.shown(found, wanted, **context))

    def shown(self, rows: Iterable[Any], wanted: frozenset[str] | None, **context: Any) -> Any:
        """Return the rows in their shape, with the ``wanted`` fields only (None: all)."""
        shape = self.shape(rows, many=True, context=context)
        child: Any = shape.child  # type: ignore[attr-defined]
        if wanted is not None:
            for name in set(child.fields) - wanted:
                child.fields.pop(name)
        return shape.data

    def loaded(self, rows: QuerySet[Any], wanted: frozenset[str] | None) -> QuerySet[Any]:
        """Read along what the ``wanted`` fields show (None: all fields)."""
        chosen = [
            load for name, loads in self.loads.items() if wanted is None or name in wanted for load in loads
        ]
        for load in dict.fromkeys(chosen):
            rows = load(rows)
        return rows

    def _every_order(self) -> list[str]:
        names = [name.removeprefix("-") for name in self.orders]
        return [one for name in names for one in (name, f"-{name}")]

    def _order(self, request: Request) -> str:
        asked = str(request.query_params.get(ORDERING, "")) or self.orders[0]
        if asked not in {*self._every_order(), *self.orders}:
            raise ValidationError({ORDERING: [_("Choose one of: %s.") % ", ".join(self._every_order())]})
        return asked.replace("id", "pk") if asked.removeprefix("-") == "id" else asked


def fields_parameter() -> OpenApiParameter:
    """Return how the schema tells of sparse fields."""
    return OpenApiParameter(
        FIELDS, str, description="Names of the fields wanted, with commas between; all without."
    )


def wanted_fields(request: Request, shape: type[serializers.BaseSerializer[Any]]) -> frozenset[str] | None:
    """Return the fields that the address asks for, None for all; raises ValidationError for one that the shape does not have."""
    asked = request.query_params.get(FIELDS)
    if asked is None:
        return None
    names = frozenset(name.strip() for name in asked.split(",")) - {""}
    known = field_names(shape)
    unknown = sorted(names - known)
    if unknown or not names:
        raise ValidationError({FIELDS: [_("Choose from: %s.") % ", ".join(sorted(known))]})
    return names


_names: dict[type, frozenset[str]] = {}


def field_names(shape: type[serializers.BaseSerializer[Any]]) -> frozenset[str]:
    """Return the names of a shape's fields."""
    if shape not in _names:
        _names[shape] = frozenset(shape().fields)  # type: ignore[attr-defined]
    return _names[shape]
