"""How values of traits are read, merged, shown and asked for. Pure but for the definitions, which are kept in the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.formatting import MISSING
from core.kept_rows import KeptRows
from customers.models import TraitDefinition

_Kind = TraitDefinition.Kind
LONGEST_TEXT = 500
# What a float holds exactly, so that SQLite, PostgreSQL and JSON readers agree on it.
MOST_DIGITS = 15

_active: KeptRows[tuple[TraitDefinition, ...]] = KeptRows(
    lambda: tuple(TraitDefinition.objects.filter(is_active=True)), TraitDefinition
)


@dataclass(frozen=True)
class ShownTrait:
    """A trait with its value as people read it, a dash for none."""

    definition: TraitDefinition
    value: str


def definitions(target: str) -> dict[str, TraitDefinition]:
    """Return the active definitions of "account" or "contact" by key, in the order of labels."""
    return {one.key: one for one in _active.get() if one.target == target}


def parse_trait(definition: TraitDefinition, value: object) -> Any:
    """Return the value as JSON holds it, None for an empty one; raises ValidationError with a sentence."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    match definition.kind:
        case _Kind.NUMBER:
            return _number(value)
        case _Kind.DATE:
            return _date(value)
        case _Kind.BOOL:
            return _boolean(value)
    text = _text(value)
    if definition.kind == _Kind.CHOICE and text not in definition.choices:
        raise ValidationError(
            _("“%(value)s” is not among the choices: %(choices)s.")
            % {"value": text[:60], "choices": ", ".join(definition.choices)}
        )
    return text


def merged_traits(target: str, before: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Return the traits with ``values`` set in them, empty ones removed; raises ValidationError naming ``traits``."""
    known = definitions(target)
    errors: list[str] = []
    after = dict(before)
    for key, value in values.items():
        try:
            if key not in known:
                raise ValidationError(_("There is no such trait."))
            read = parse_trait(known[key], value)
        except ValidationError as error:
            errors += [f"{key}: {text}" for text in error.messages]
            continue
        after.pop(key, None)
        if read is not None:
            after[key] = read
    if errors:
        raise ValidationError({"traits": errors})
    return after


def changed_traits(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return old and new value of each trait that differs, as an event's detail tells them."""
    return {
        f"traits.{key}": [before.get(key), after.get(key)]
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }


def told_changes(changed: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the changes of a row as an event's detail tells them: trait by trait."""
    told = {name: pair for name, pair in changed.items() if name != "traits"}
    return {**told, **(changed_traits(*changed["traits"]) if "traits" in changed else {})}


def usable_traits(target: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Return those of the values that have a definition and fit it; what other systems send beside them is left out."""
    known = definitions(target)
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key in known:
            try:
                found[key] = parse_trait(known[key], value)
            except ValidationError:
                continue
    return found


def shown_traits(target: str, traits: Mapping[str, Any]) -> list[ShownTrait]:
    """Return every active trait with its value."""
    return [ShownTrait(one, trait_words(one, traits.get(key))) for key, one in definitions(target).items()]


def trait_words(definition: TraitDefinition, value: Any) -> str:
    """Return a stored value as people read it."""
    if value in (None, ""):
        return MISSING
    if definition.kind == _Kind.BOOL:
        return _("Yes") if value else _("No")
    if definition.kind == _Kind.DATE:
        try:
            return date_format(date.fromisoformat(value), "j M Y")
        except (TypeError, ValueError):
            return str(value)
    return str(value)


def rows_with_trait(rows: QuerySet[Any], target: str, asked: str) -> QuerySet[Any]:
    """Return the rows whose trait has a value, asked as ``key:value`` (``key:`` for none); raises ValidationError."""
    key, colon, value = asked.partition(":")
    definition = definitions(target).get(key)
    if definition is None or not colon:
        raise ValidationError({"trait": _("Give a trait and its value, as in region:north.")})
    try:
        wanted = parse_trait(definition, value)
    except ValidationError as error:
        raise ValidationError({"trait": error.messages}) from error
    if wanted is None:
        return rows.exclude(traits__has_key=key)
    found: QuerySet[Any] = rows.annotate(_trait=KeyTransform(key, "traits")).filter(_trait=wanted)
    return found


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
    if number and (
        abs(number.adjusted()) > MOST_DIGITS or len(number.normalize().as_tuple().digits) > MOST_DIGITS
    ):
        raise ValidationError(_("Give a number of at most %d digits.") % MOST_DIGITS)
    return int(number) if number == number.to_integral_value() else float(number)


def _date(value: object) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        # Systems send moments, too; their day is what is kept.
        return date.fromisoformat(value.strip().partition("T")[0]).isoformat()
    except ValueError:
        raise ValidationError(_("Give a date like 2026-03-31.")) from None


def _boolean(value: object) -> bool:
    words = str(value).strip().lower()
    if words in {"true", "yes", "1"}:
        return True
    if words in {"false", "no", "0"}:
        return False
    raise ValidationError(_("Say yes or no."))
