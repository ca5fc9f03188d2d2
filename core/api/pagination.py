"""Keyset pages: constant cost at any depth, stable while rows arrive."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.exceptions import ValidationError as Unreadable
from django.db.models import Model, Q
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param


class KeysetPagination(CursorPagination):
    """Newest first by primary key; ``limit`` up to 200.

    ``ordering`` names columns that are never empty, ``-`` before one that falls; the primary key breaks ties. A cursor holds the
    values of the row beside the page, so that it costs the same however many rows are equal.
    """

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Read one page; raises ValidationError for a ``cursor`` that none of our answers held, and a wrong ``limit``."""
        self.request = request
        self.base_url = request.build_absolute_uri()
        self.columns = _columns(self.ordering)
        limit = self._limit(request)
        backwards, place = False, None
        if cursor := request.query_params.get(self.cursor_query_param):
            backwards, place = self._read(cursor, queryset.model)
        rows = queryset.order_by(*_keys(self.columns, backwards))
        if place is not None:
            rows = rows.filter(_beyond(self.columns, place, backwards))
        found = list(rows[: limit + 1])
        more = len(found) > limit
        found = found[:limit]
        if backwards:
            found.reverse()
        self.found = found
        self.has_next = more if not backwards else place is not None
        self.has_previous = (place is not None) if not backwards else more
        # What a page that turned out to be empty goes on from.
        self.place = place
        return found

    def get_next_link(self) -> str | None:
        """Return the address of the page after this one."""
        return self._link(self.found[-1:], backwards=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Return the address of the page before this one."""
        return self._link(self.found[:1], backwards=True) if self.has_previous else None

    def _link(self, rows: Sequence[Any], *, backwards: bool) -> str:
        address = str(self.base_url)
        if rows:
            place = [_plain(getattr(rows[0], name)) for name, _falls in self.columns]
        elif self.place is not None:
            place = [_plain(value) for value in self.place]
        else:
            return str(remove_query_param(address, self.cursor_query_param))
        text = json.dumps(["b" if backwards else "f", *place], separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return str(replace_query_param(address, self.cursor_query_param, cursor))

    def _limit(self, request: Request) -> int:
        sent = request.query_params.get(self.page_size_query_param, "")
        if not sent:
            return self.page_size
        if not (sent.isascii() and sent.isdecimal() and 0 < len(sent) < 10 and int(sent) > 0):
            limits = _("Give a number from 1 to %d.") % self.max_page_size
            raise ValidationError({self.page_size_query_param: [limits]})
        return min(int(sent), self.max_page_size)

    def _read(self, cursor: str, model: type[Model]) -> tuple[bool, list[Any]]:
        try:
            way, *place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if way not in {"f", "b"} or len(place) != len(self.columns):
                raise ValueError("made for another list")
            pairs = zip(self.columns, place, strict=True)
            return way == "b", [_value(model, name, sent) for (name, _falls), sent in pairs]
        except (binascii.Error, ValueError, TypeError, RecursionError, Unreadable, FieldDoesNotExist):
            raise ValidationError({self.cursor_query_param: [_("This cursor is not valid.")]}) from None


def _columns(ordering: str | Sequence[str]) -> list[tuple[str, bool]]:
    """Columns with "falls"; the primary key is the last one."""
    names = [ordering] if isinstance(ordering, str) else list(ordering)
    columns = [(name.removeprefix("-"), name.startswith("-")) for name in names]
    return columns if columns[-1][0] == "pk" else [*columns, ("pk", columns[-1][1])]


def _keys(columns: Sequence[tuple[str, bool]], backwards: bool) -> list[str]:
    return [f"-{name}" if falls != backwards else name for name, falls in columns]


def _beyond(columns: Sequence[tuple[str, bool]], place: Sequence[Any], backwards: bool) -> Q:
    """What lies after a place, or before it."""
    same, after = Q(), Q(pk__in=[])
    for (name, falls), value in zip(columns, place, strict=True):
        after |= same & Q(**{f"{name}__{'lt' if falls != backwards else 'gt'}": value})
        same &= Q(**{name: value})
    first, falls = columns[0]
    # Said aloud, so that an index starts there.
    return Q(**{f"{first}__{'lte' if falls != backwards else 'gte'}": place[0]}) & after


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _value(model: type[Model], name: str, sent: Any) -> Any:
    """A value as its column takes it; raises ValueError or Django's ValidationError."""
    if sent is None or isinstance(sent, bool | list | dict) or (isinstance(sent, str) and "\0" in sent):
        raise ValueError("no value of a column")
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    value = field.to_python(sent)  # type: ignore[union-attr]
    if value is None or (isinstance(value, int) and abs(value) > 2**63 - 1):
        raise ValueError("no value of a column")
    return value
