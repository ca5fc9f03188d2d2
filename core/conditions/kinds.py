"""The kinds of fields that conditions can ask about: what can be asked of each, in the database and of a loaded row.

Which fields there are is told by the apps: ``tickets.condition_fields``, ``customers.segment_fields``.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

Label = str | Promise
Options = Callable[[], list[tuple[str, str]]]

NONE = "none"
ME = "me"
LONGEST_TEXT = 200
LONGEST_SPAN = 10 * 365 * 86_400


@dataclass(frozen=True)
class Asked:
    """Who asks, and when; ``among`` are the ids that the answer is wanted for, None for all (it spares subqueries work)."""

    me: int | None
    now: datetime
    among: Collection[int] | None = None


class ConditionField:
    """A field: what can be asked of it (``operators``: stored word → word for people), in the database and of a row.

    ``timed`` are the operators whose answer changes as time passes. Values are stored as ``clean`` returns them.
    """

    operators: ClassVar[Mapping[str, Label]] = {}
    timed: ClassVar[frozenset[str]] = frozenset()
    kind: ClassVar[str] = ""

    def __init__(self, key: str, label: Label) -> None:
        self.key = key
        self.label = label

    def clean(self, operator: str, value: object) -> Any:
        """Return the value as it is stored; raises ValidationError."""
        raise NotImplementedError

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause for the database."""
        raise NotImplementedError

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge a loaded row."""
        raise NotImplementedError

    def words(self, operator: str, value: Any) -> str:
        """Return the clause in words."""
        return f"{self.label} {self.operators[operator]} {value}".strip()

    def options(self) -> list[tuple[str, str]]:
        """Return the values to choose from, empty when any can be typed."""
        return []

    def find_options(self, text: str, limit: int) -> list[tuple[str, str]]:
        """Return the first values whose name contains ``text``."""
        wanted = text.strip().lower()
        return [one for one in self.options() if wanted in str(one[1]).lower()][:limit]

    def names(self, values: Collection[str]) -> dict[str, str]:
        """Return the names of those of ``values`` that can be chosen."""
        return {key: str(name) for key, name in self.options() if key in values}

    def input_kind(self, operator: str) -> str:
        """Return what a form asks for: choice, text, number, days, span (seconds), date, bool or none.

        "parts:number,of,within" asks for several together, and the value is an object with these keys: ``number``; ``of``,
        ``from`` and ``to`` (lists of options); ``within`` and ``for`` (days).
        """
        return self.kind

    def turns_at(self, operator: str, value: Any, row: Any) -> datetime | None:
        """Return after which moment time alone turns the answer for this row; None for never."""
        return None

    def people_of(self, row: Any) -> Collection[int]:
        """Return whom "me" can stand for in a clause of this field that a loaded row meets; ids of users."""
        return ()

    def has_people(self) -> Q:
        """Return which rows have anybody whom "me" can stand for."""
        return Q(pk__in=[])

    def refuse(self, sentence: str) -> ValidationError:
        """Return the error for a value that cannot be used."""
        return ValidationError(f"{self.label}: {sentence}")


ONE_OF: Mapping[str, Label] = {"in": gettext_lazy("is"), "not_in": gettext_lazy("is not")}


class ChoiceField(ConditionField):
    """A column with one of several values. ``nullable`` ones know "none", people know "me"."""

    kind = "choice"
    operators = ONE_OF

    def __init__(
        self,
        key: str,
        label: Label,
        column: str,
        options: Options,
        *,
        empty: object = None,
        nullable: bool = False,
    ) -> None:
        super().__init__(key, label)
        self.column = column
        self._options = options
        self.nullable = nullable
        self.is_id = column.endswith("_id")
        self.empty = empty

    def options(self) -> list[tuple[str, str]]:
        """Return the values with their names."""
        return self._special() + self._options()

    def _special(self) -> list[tuple[str, str]]:
        return [(NONE, _("none"))] if self.nullable else []

    def find_options(self, text: str, limit: int) -> list[tuple[str, str]]:
        """Return the first values whose name contains ``text``; those that are rows are searched in the database."""
        if not isinstance(self._options, RowOptions):
            return super().find_options(text, limit)
        wanted = text.strip().lower()
        special = [one for one in self._special() if wanted in one[1].lower()]
        return (special + self._options.find(wanted, limit))[:limit]

    def names(self, values: Collection[str]) -> dict[str, str]:
        """Return the names of those of ``values`` that can be chosen."""
        if not isinstance(self._options, RowOptions):
            return super().names(values)
        special = {key: name for key, name in self._special() if key in values}
        return special | self._options.named(values)

    def clean(self, operator: str, value: object) -> list[str]:
        """Return a list of known values."""
        chosen = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        unknown = set(chosen) - set(self.names(chosen))
        if unknown or not chosen or value is None:
            raise self.refuse(
                _("choose from the list (%s is not on it).") % ", ".join(sorted(unknown) or ["–"])
            )
        return list(dict.fromkeys(chosen))

    def _wanted(self, value: Collection[str], asked: Asked) -> tuple[list[Any], bool]:
        """The column values asked for, and whether an empty column is among them."""
        wanted: list[Any] = []
        for one in value:
            if one == ME:
                wanted += [] if asked.me is None else [asked.me]
            elif one != NONE:
                wanted.append(int(one) if self.is_id and one.isdecimal() else one)
        return wanted, NONE in value

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause; NULL is no value, so "is not" holds for it unless "none" is named."""
        wanted, with_empty = self._wanted(value, asked)
        found = Q(**{f"{self.column}__in": wanted})
        if self.nullable:
            empty = (
                Q(**{f"{self.column}__isnull": True})
                if self.empty is None
                else Q(**{self.column: self.empty})
            )
            found = found | empty if with_empty else found & ~empty
        return found if operator == "in" else ~found

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        wanted, with_empty = self._wanted(value, asked)
        present = read_column(row, self.column)
        found = with_empty if self.nullable and present == self.empty else present in wanted
        return found is (operator == "in")

    def people_of(self, row: Any) -> Collection[int]:
        """Return the person in the column; for columns of people only."""
        present = read_column(row, self.column)
        return () if present is None else (int(present),)

    def has_people(self) -> Q:
        """Return the rows whose column is not empty; for columns of people only."""
        return Q(**{f"{self.column}__isnull": False})

    def words(self, operator: str, value: Any) -> str:
        """Return "priority is high or urgent"."""
        names = self.names(value)
        listed = _(" or ").join(str(names.get(one, one)) for one in value)
        return f"{self.label} {self.operators[operator]} {listed}"


class TextField(ConditionField):
    """A text column, without regard to case."""

    kind = "text"
    operators: ClassVar[Mapping[str, Label]] = {
        "contains": gettext_lazy("contains"),
        "lacks": gettext_lazy("does not contain"),
    }

    def __init__(self, key: str, label: Label, column: str) -> None:
        super().__init__(key, label)
        self.column = column

    def clean(self, operator: str, value: object) -> str:
        """Return the text."""
        text = str(value or "").strip()
        if not text or len(text) > LONGEST_TEXT or "\x00" in text:
            raise self.refuse(_("give a text of at most %d characters.") % LONGEST_TEXT)
        return text

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        found = Q(**contains_lookup(self.column, value))
        return found if operator == "contains" else ~found

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        return is_within(value, str(read_column(row, self.column) or "")) is (operator == "contains")

    def words(self, operator: str, value: Any) -> str:
        """Return "subject contains “refund”"."""
        return f"{self.label} {self.operators[operator]} “{value}”"


class NumberField(ConditionField):
    """A numeric column; an empty one is neither large nor small."""

    kind = "number"
    operators: ClassVar[Mapping[str, Label]] = {
        "at_least": gettext_lazy("is at least"),
        "at_most": gettext_lazy("is at most"),
    }

    def __init__(self, key: str, label: Label, column: str, *, whole: bool = False) -> None:
        super().__init__(key, label)
        self.column = column
        self.whole = whole

    def clean(self, operator: str, value: object) -> float:
        """Return the number."""
        return number_of(self, value)

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        # NOT NULL is said aloud, so that a negation has two values and not three
        side = "gte" if operator == "at_least" else "lte"
        bound = bound_of(value, operator, whole=self.whole)
        return Q(**{f"{self.column}__{side}": bound, f"{self.column}__isnull": False})

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        present = read_column(row, self.column)
        if present is None:
            return False
        return bool(float(present) >= value if operator == "at_least" else float(present) <= value)


class MomentField(ConditionField):
    """A moment: how long ago (spans in seconds), before or after a date, or whether there is one."""

    kind = "moment"
    operators: ClassVar[Mapping[str, Label]] = {
        "older_than": gettext_lazy("is longer ago than"),
        "within_last": gettext_lazy("is within the last"),
        "within_next": gettext_lazy("is within the next"),
        "before": gettext_lazy("is before"),
        "after": gettext_lazy("is on or after"),
        "empty": gettext_lazy("is not set"),
        "not_empty": gettext_lazy("is set"),
    }
    timed: ClassVar[frozenset[str]] = frozenset({"older_than", "within_last", "within_next"})

    def __init__(self, key: str, label: Label, column: str) -> None:
        super().__init__(key, label)
        self.column = column

    def clean(self, operator: str, value: object) -> int | str | None:
        """Return seconds for spans, an ISO moment for dates, None for "is set"."""
        if operator in {"empty", "not_empty"}:
            return None
        if operator in self.timed:
            seconds = int(number_of(self, value))
            if not 0 < seconds <= LONGEST_SPAN:
                raise self.refuse(_("give a time of at most ten years."))
            return seconds
        try:
            moment = datetime.fromisoformat(str(value))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            raise self.refuse(_("give a date like 2026-03-31.")) from None

    def input_kind(self, operator: str) -> str:
        """Return span for what is relative to now, date, or none."""
        if operator in {"empty", "not_empty"}:
            return "none"
        return "span" if operator in self.timed else "date"

    def _range(self, operator: str, value: Any, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The first moment in, and the first out; None is open."""
        if operator in {"before", "after"}:
            at = datetime.fromisoformat(value)
            return (None, at) if operator == "before" else (at, None)
        span = timedelta(seconds=value)
        return {
            "older_than": (None, now - span),
            "within_last": (now - span, None),
            # what is due within the hour includes what was due before
            "within_next": (None, now + span),
        }[operator]

    def turns_at(self, operator: str, value: Any, row: Any) -> datetime | None:
        """Return the moment itself, moved by the span."""
        present = read_column(row, self.column)
        if present is None or operator not in self.timed:
            return None
        span = timedelta(seconds=value)
        try:
            moment: datetime = present - span if operator == "within_next" else present + span
        except OverflowError:
            return None
        return moment

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        is_set = Q(**{f"{self.column}__isnull": False})
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        first, end = self._range(operator, value, asked.now)
        found = is_set
        if first is not None:
            found &= Q(**{f"{self.column}__gte": first})
        if end is not None:
            found &= Q(**{f"{self.column}__lt": end})
        return found

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        present = read_column(row, self.column)
        if operator in {"empty", "not_empty"}:
            return (present is None) is (operator == "empty")
        if present is None:
            return False
        first, end = self._range(operator, value, asked.now)
        return (first is None or present >= first) and (end is None or present < end)

    def words(self, operator: str, value: Any) -> str:
        """Return "opened is longer ago than 3 days"."""
        if operator in self.timed:
            shown = span_in_words(value)
        else:
            shown = "" if value is None else str(value)[:10]
        return f"{self.label} {self.operators[operator]} {shown}".strip()


class BoolField(ConditionField):
    """A column that is true or false; ``true_when`` turns another column into one."""

    kind = "bool"
    operators: ClassVar[Mapping[str, Label]] = {"is": gettext_lazy("is")}

    def __init__(self, key: str, label: Label, true_when: Q, read: Callable[[Any], bool]) -> None:
        super().__init__(key, label)
        self.true_when = true_when
        self.read = read

    def clean(self, operator: str, value: object) -> bool:
        """Return the boolean."""
        return boolean_of(self, value)

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        return self.true_when if value else ~self.true_when

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        return self.read(row) is value

    def words(self, operator: str, value: Any) -> str:
        """Return "unread is yes"."""
        return f"{self.label} {self.operators[operator]} {_('yes') if value else _('no')}"


def contains_lookup(column: str, text: object) -> dict[str, Any]:
    """The lookup for "contains", without regard to case. SQLite's LIKE knows the case of ASCII letters only."""
    if connection.vendor == "sqlite":
        return {f"{column}__iregex": re.escape(str(text))}
    return {f"{column}__icontains": text}


def is_within(text: object, present: str) -> bool:
    return re.search(re.escape(str(text)), present, re.IGNORECASE) is not None


def read_column(row: Any, column: str) -> Any:
    """Follow a path of the ORM on a loaded row; None where a relation is empty."""
    value: Any = row
    for name in column.split("__"):
        value = getattr(value, name)
        if value is None:
            return None
    return value


def number_of(field: ConditionField, value: object) -> float:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= Decimal(10) ** 13:
        raise field.refuse(_("give a number."))
    return float(number)


def exact_of(value: Any) -> Any:
    """A number as it was written: the binary fraction of 0.1 is not 0.1 to a decimal column."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def bound_of(value: float, operator: str, *, whole: bool) -> int | Decimal:
    """The bound for the column; whole numbers reach it from their side."""
    if whole:
        return math.ceil(value) if operator == "at_least" else math.floor(value)
    return Decimal(repr(value))


def boolean_of(field: ConditionField, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "1", "yes"}:
        return True
    if str(value).lower() in {"false", "0", "no"}:
        return False
    raise field.refuse(_("say yes or no."))


def span_in_words(seconds: int) -> str:
    """Return a span as "3 days", "90 minutes"."""
    if seconds % 86_400 == 0:
        return ngettext("%d day", "%d days", seconds // 86_400) % (seconds // 86_400)
    if seconds % 3_600 == 0:
        return ngettext("%d hour", "%d hours", seconds // 3_600) % (seconds // 3_600)
    return ngettext("%d minute", "%d minutes", max(1, seconds // 60)) % max(1, seconds // 60)


class RowOptions:
    """Rows of a table as values, found by their name; ``special`` values come first. Never all of a table at once."""

    def __init__(self, model: Any, special: Sequence[tuple[str, Label]] = (), **filters: Any) -> None:
        self._model = model
        self._special = special
        self._filters = filters

    def __call__(self) -> list[tuple[str, str]]:
        """Return every value."""
        return self.find("", None)

    def find(self, text: str, limit: int | None) -> list[tuple[str, str]]:
        """Return the first values whose name contains ``text`` in lower case."""
        special = [(key, str(name)) for key, name in self._special if text in str(name).lower()]
        rows = self._model._default_manager.filter(**self._filters)
        if text:
            rows = rows.filter(name__icontains=text)
        return (special + [(str(one.pk), str(one)) for one in rows[:limit]])[:limit]

    def named(self, values: Collection[str]) -> dict[str, str]:
        """Return the names of those of ``values`` that exist. Rows that are not offered any more keep theirs."""
        special = {key: str(name) for key, name in self._special if key in values}
        field = self._model._meta.pk
        is_number = not isinstance(field, models.CharField)
        keys = [
            one
            for one in values
            if one not in special
            and "\x00" not in one
            and (not is_number or (one.isdecimal() and len(one) < 18))
        ]
        if keys:
            rows = self._model._default_manager.filter(pk__in=keys)
            special |= {str(one.pk): str(one) for one in rows}
        return special
