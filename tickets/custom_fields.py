"""Custom fields on tickets: which are shown, what they may hold, and how a value is read, stored and written in words.

A value as the product and REST speak of it: text for text, a number, "2026-03-31" for a date, true or false, one of the
choices, a list of choices, the id of what is referred to; None when there is none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account, Contact
from people.models import User
from people.viewer import Viewer
from tickets.condition_fields import ConditionFields
from tickets.conditions import holds
from tickets.models import CustomField, FieldValue, Ticket

Value = str | int | float | bool | list[str] | None

LONGEST_TEXT = 500
MOST_DIGITS = 15  # what a JSON number carries without loss
DECIMALS = 6
# Ids above it would fail in the database driver.
_LARGEST_ID = 2**63 - 1

_Kind = CustomField.Kind
_Reference = CustomField.Reference


@dataclass(frozen=True)
class ShownField:
    """A field beside a ticket: its value, and the value in words (empty when there is none)."""

    field: CustomField
    value: Value
    words: str
    is_missing: bool


def active_fields() -> list[CustomField]:
    """Return the fields in use with their types, in order. Two queries."""
    return list(CustomField.objects.filter(is_active=True).prefetch_related("types"))


def shown_fields(ticket: Ticket, fields: Iterable[CustomField] | None = None) -> list[CustomField]:
    """Return the fields that this ticket has: those of its type whose condition holds.

    The values on the ticket are read once, unless they are prefetched.
    """
    known = ConditionFields()
    now = timezone.now()
    return [
        field
        for field in (active_fields() if fields is None else fields)
        if _is_of_type(field, ticket)
        and (not field.condition or holds(field.condition, ticket, me=None, now=now, fields=known))
    ]


def _is_of_type(field: CustomField, ticket: Ticket) -> bool:
    types = {one.pk for one in field.types.all()}
    return not types or ticket.type_id in types


def values_of(ticket: Ticket) -> dict[str, Value]:
    """Return the values that a ticket has, by the key of their field; without a query when ``field_values__field`` is
    prefetched."""
    cached = "field_values" in getattr(ticket, "_prefetched_objects_cache", {})
    rows = ticket.field_values.all() if cached else ticket.field_values.select_related("field")
    by_field: dict[int, list[FieldValue]] = {}
    for row in rows:
        by_field.setdefault(row.field_id, []).append(row)
    found = [(rows[0].field, rows) for rows in by_field.values() if rows[0].field.is_active]
    found.sort(key=lambda one: (one[0].position, one[0].pk))
    return {field.key: read_value(field, rows) for field, rows in found}


def read_value(field: CustomField, rows: Iterable[FieldValue]) -> Value:
    """Return what the rows of one field hold."""
    stored = list(rows)
    if not stored:
        return None
    row = stored[0]
    match field.kind:
        case _Kind.NUMBER:
            return None if row.number is None else plain_number(row.number)
        case _Kind.DATE:
            return None if row.date is None else row.date.isoformat()
        case _Kind.BOOL:
            return row.boolean
        case _Kind.MULTI:
            return _in_order([one.text for one in stored], field)
        case _Kind.REFERENCE:
            return int(row.text) if row.text.isdecimal() else None
    return row.text or None


def plain_number(number: Decimal) -> int | float:
    """Return a stored number as JSON has it: without a point when it is whole."""
    return int(number) if number == number.to_integral_value() else float(number)


def _in_order(chosen: Iterable[str], field: CustomField) -> list[str]:
    place = {option: at for at, option in enumerate(field.options)}
    return sorted(chosen, key=lambda one: (place.get(one, len(place)), one))


def parse_value(field: CustomField, value: object, viewer: Viewer, *, present: Value = None) -> Value:
    """Return ``value`` as the field holds it, None for an empty one.

    A choice that is no longer offered stays possible while the ticket has it (``present``). A reference must be visible to
    ``viewer``. Raises ValidationError with a sentence.
    """
    if value is None or value == "" or (isinstance(value, str) and not value.strip()) or value == []:
        return None
    match field.kind:
        case _Kind.NUMBER:
            return _number(value)
        case _Kind.DATE:
            return _date(value)
        case _Kind.BOOL:
            return _boolean(value)
        case _Kind.CHOICE:
            return _choices(field, [value], [present])[0]
        case _Kind.MULTI:
            offered = value if isinstance(value, list | tuple) else [value]
            return _choices(field, list(offered), present if isinstance(present, list) else []) or None
        case _Kind.REFERENCE:
            return present if str(value) == str(present) else _reference(field, value, viewer)
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValidationError(_("Give a text."))
    text = str(value).strip()
    if len(text) > LONGEST_TEXT or "\x00" in text:
        raise ValidationError(_("Give a text of at most %d characters.") % LONGEST_TEXT)
    return text


def _number(value: object) -> int | float:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise InvalidOperation
        number = Decimal(str(value).strip().replace("\u2212", "-"))
    except InvalidOperation:
        raise ValidationError(_("Give a number.")) from None
    if not number.is_finite():
        raise ValidationError(_("Give a number."))
    if not _fits(number):
        raise ValidationError(
            _("Give a number of at most %(digits)d digits, %(decimals)d of them after the point.")
            % {"digits": MOST_DIGITS, "decimals": DECIMALS}
        )
    return plain_number(number)


def _fits(number: Decimal) -> bool:
    if abs(number.adjusted()) > MOST_DIGITS and number != 0:
        return False
    _sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return False
    kept = "".join(map(str, digits)).rstrip("0") or "0"
    exponent += len(digits) - len(kept)
    after_point = 0 if number == 0 else max(0, -exponent)
    return after_point <= DECIMALS and max(0, number.adjusted() + 1) + after_point <= MOST_DIGITS


def _date(value: object) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise ValidationError(_("Give a date like 2026-03-31.")) from None


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in {"true", "yes", "1"}:
        return True
    if str(value).strip().lower() in {"false", "no", "0"}:
        return False
    raise ValidationError(_("Say yes or no."))


def _choices(field: CustomField, chosen: list[Any], present: Iterable[Any]) -> list[str]:
    allowed = {*field.options, *(one for one in present if one)}
    for one in chosen:
        if not isinstance(one, str) or one not in allowed:
            raise ValidationError(
                _("“%(value)s” is not among the choices: %(choices)s.")
                % {"value": str(one)[:60], "choices": ", ".join(field.options)}
            )
    return _in_order(dict.fromkeys(chosen), field)


def _reference(field: CustomField, value: object, viewer: Viewer) -> int:
    text = str(value).strip()
    by_number = text.startswith("#") and field.reference == _Reference.TICKET
    text = text.removeprefix("#")
    refusal = ValidationError(_("There is no such %s here.") % field.get_reference_display().lower())
    if isinstance(value, bool | float) or not (text.isascii() and text.isdecimal()):
        raise refusal
    if int(text) > _LARGEST_ID:
        raise refusal
    wanted = {"number" if by_number else "pk": int(text)}
    found: int | None = (
        referable(field.reference, viewer).filter(**wanted).values_list("pk", flat=True).first()
    )
    if found is None:
        raise refusal
    return found


def referable(reference: str, viewer: Viewer) -> QuerySet[Any]:
    """Return what a reference of this kind may point to, as far as the viewer may see it."""
    match reference:
        case _Reference.ACCOUNT:
            return Account.objects.visible_to(viewer)
        case _Reference.CONTACT:
            return Contact.objects.visible_to(viewer).filter(merged_into=None)
        case _Reference.TICKET:
            return Ticket.objects.visible_to(viewer)
    people = User.objects.filter(is_active=True)
    return people if viewer.can("people.view") or viewer.can("tickets.view") else people.none()


def stored_rows(field: CustomField, ticket: Ticket, value: Value) -> list[FieldValue]:
    """Return the rows that hold a parsed value: none for None, one per choice of several."""
    if value is None:
        return []
    match field.kind:
        case _Kind.NUMBER:
            return [FieldValue(ticket=ticket, field=field, number=Decimal(str(value)))]
        case _Kind.DATE:
            return [FieldValue(ticket=ticket, field=field, date=date.fromisoformat(str(value)))]
        case _Kind.BOOL:
            return [FieldValue(ticket=ticket, field=field, boolean=bool(value))]
        case _Kind.MULTI if isinstance(value, list):
            return [FieldValue(ticket=ticket, field=field, text=one) for one in value]
    return [FieldValue(ticket=ticket, field=field, text=str(value))]


def reference_names(wanted: Mapping[str, Iterable[int]], viewer: Viewer) -> dict[tuple[str, int], str]:
    """Return the names of referenced rows by (kind of reference, id), as far as the viewer may see them; one query per
    kind."""
    names: dict[tuple[str, int], str] = {}
    for reference, ids in wanted.items():
        rows = referable(reference, viewer).filter(pk__in=list(ids))
        if reference == _Reference.CONTACT:
            rows = rows.prefetch_related("identities")
        names |= {(reference, row.pk): str(row) for row in rows}
    return names


def words_of(field: CustomField, value: Value, names: Mapping[tuple[str, int], str] | None = None) -> str:
    """Return a value as people read it; a reference by its name in ``names``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(value)
    if field.kind == _Kind.REFERENCE and isinstance(value, int):
        return (names or {}).get((field.reference, value), _("not visible to you"))
    return str(value)


def fields_on(ticket: Ticket, viewer: Viewer) -> list[ShownField]:
    """Return the fields that this ticket shows with their values, for people: constant queries."""
    values = values_of(ticket)
    shown = shown_fields(ticket)
    wanted: dict[str, set[int]] = {}
    for field in shown:
        value = values.get(field.key)
        if field.kind == _Kind.REFERENCE and isinstance(value, int):
            wanted.setdefault(field.reference, set()).add(value)
    names = reference_names(wanted, viewer)
    return [
        ShownField(
            field,
            values.get(field.key),
            words_of(field, values.get(field.key), names),
            field.required_on_resolve and values.get(field.key) is None,
        )
        for field in shown
    ]


def missing_to_resolve(ticket: Ticket) -> list[CustomField]:
    """Return the fields that must have a value before this ticket is resolved and have none.

    One query when no field is required, at most five otherwise.
    """
    required = list(
        CustomField.objects.filter(is_active=True, required_on_resolve=True).prefetch_related("types")
    )
    if not required:
        return []
    values = values_of(ticket)
    return [field for field in shown_fields(ticket, required) if values.get(field.key) is None]
