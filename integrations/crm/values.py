"""How a field of ours is written as text, and how a text of theirs is read: one form, in which values are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from core.registry import Label
from customers.domains import normalise_address


@dataclass(frozen=True)
class OurField:
    """A field of ours.

    ``kind`` is text, integer, money, number, bool, day, domain, choice or person (a colleague's e-mail address).

    A read-only one can only be sent, a ``match_only`` one only says who is who.
    """

    name: str
    label: Label
    kind: str = "text"
    is_read_only: bool = False
    match_only: bool = False
    choices: tuple[tuple[str, Any], ...] = ()


def as_text(one: OurField, value: Any) -> str:
    """Return a value of ours in the one form of values."""
    if value is None:
        return "0" if one.kind in ("integer", "money") and not one.is_read_only else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if one.kind == "number":
        return _number(Decimal(str(value)))
    if one.kind == "money":
        return _number(Decimal(value).quantize(Decimal("0.01")))
    if one.kind == "integer":
        return str(round(value))
    return value.isoformat() if isinstance(value, date) else str(value).strip()


def canonical(one: OurField, text: str) -> str:
    """Return a value of theirs as ours would be written; raises ValueError saying what is wrong."""
    text = text.strip()
    reader: Callable[[OurField, str], str] = _READERS.get(one.kind, lambda _one, plain: plain)
    return reader(one, text)


def from_text(one: OurField, text: str) -> Any:
    """Return what the column of a field holds for a canonical text; raises ValueError."""
    if one.kind == "integer":
        return int(text or 0)
    if one.kind == "money":
        return Decimal(text or 0)
    if one.kind == "day":
        return date.fromisoformat(text) if text else None
    return text


def _number(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text in ("", "-0") else text


def _read_number(one: OurField, text: str) -> str:
    try:
        value = Decimal(text or 0)
    except InvalidOperation:
        raise ValueError(_("“%s” is no number") % text[:40]) from None
    if not value.is_finite():
        raise ValueError(_("“%s” is no number") % text[:40])
    if one.kind == "number":
        return _number(value) if text else ""
    if one.kind == "integer":
        return str(int(value.to_integral_value()))
    return _number(value.quantize(Decimal("0.01")))


def _read_day(one: OurField, text: str) -> str:
    """A day: ISO, the beginning of an ISO time, or milliseconds since 1970 (HubSpot)."""
    if not text:
        return ""
    try:
        if text.lstrip("-").isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, tz=UTC).date().isoformat()
        return date.fromisoformat(text[:10]).isoformat()
    except (ValueError, OverflowError, OSError):
        raise ValueError(_("“%s” is no day") % text[:40]) from None


def _read_choice(one: OurField, text: str) -> str:
    if not text or not one.choices:
        return text.lower()
    for key, label in one.choices:
        if text.lower() in (str(key).lower(), str(label).lower()):
            return str(key)
    raise ValueError(_("“%(text)s” is none of %(known)s") % {
        "text": text[:40], "known": ", ".join(str(key) for key, _label in one.choices)
    })  # fmt: skip


def _read_bool(one: OurField, text: str) -> str:
    """Yes or no, as systems write it: true, yes, 1."""
    known = {
        "true": "true",
        "yes": "true",
        "1": "true",
        "false": "false",
        "no": "false",
        "0": "false",
        "": "",
    }
    if text.lower() not in known:
        raise ValueError(_("“%s” is neither true nor false") % text[:40])
    return known[text.lower()]


_READERS: dict[str, Callable[[OurField, str], str]] = {
    "integer": _read_number,
    "money": _read_number,
    "number": _read_number,
    "bool": _read_bool,
    "day": _read_day,
    "choice": _read_choice,
    "domain": lambda _one, text: text.lower().removeprefix("www."),
    "person": lambda _one, text: normalise_address(text),
}
