"""The kinds of fields that only accounts have: days, percentages, counts of rows, states that have lasted, and changes.

What every condition knows is ``core.conditions.kinds``. These are asked in the database only (``q``): an account is judged by
asking for it alone (``Asked.among``). ``present`` tells what a field sees at one account, for "why is it in?".
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.conditions.kinds import Asked, ConditionField, Label, NumberField, Options, number_of
from customers.models import Account

LONGEST_DAYS = 3650
NOBODY = Q(pk__in=[])


class AccountField(ConditionField):
    """A field of accounts that is more than a column."""

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge one account by asking the database for it."""
        alone = Asked(asked.me, asked.now, (row.pk,))
        return Account.objects.filter(self.q(operator, value, alone), pk=row.pk).exists()

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return in words what the field sees at an account now; at most two queries."""
        raise NotImplementedError


def days_of(field: ConditionField, value: object, *, least: int = 0) -> int:
    """Return a number of days; raises ValidationError beyond ten years."""
    days = number_of(field, value)
    if days != int(days) or not least <= days <= LONGEST_DAYS:
        raise field.refuse(
            _("give a number of days from %(least)d to %(most)d.") % {"least": least, "most": LONGEST_DAYS}
        )
    return int(days)


def in_days(days: int) -> str:
    """Return "28 days"."""
    return ngettext("%d day", "%d days", days) % days


class DayField(AccountField):
    """A column with a day: how far ahead or back it is (days, today is 0), before or after a date, or whether there is one."""

    kind = "days"
    operators: ClassVar[Mapping[str, Label]] = {
        "in_next": gettext_lazy("is within the next"),
        "in_last": gettext_lazy("is within the last"),
        "further": gettext_lazy("is further ahead than"),
        "longer_ago": gettext_lazy("is longer ago than"),
        "before": gettext_lazy("is before"),
        "after": gettext_lazy("is on or after"),
        "empty": gettext_lazy("is not set"),
        "not_empty": gettext_lazy("is set"),
    }
    timed: ClassVar[frozenset[str]] = frozenset({"in_next", "in_last", "further", "longer_ago"})

    def __init__(self, key: str, label: Label, column: str) -> None:
        super().__init__(key, label)
        self.column = column

    def input_kind(self, operator: str) -> str:
        """Return days, date or none."""
        if operator in {"empty", "not_empty"}:
            return "none"
        return "days" if operator in self.timed else "date"

    def clean(self, operator: str, value: object) -> int | str | None:
        """Return days, an ISO date, or None."""
        if operator in {"empty", "not_empty"}:
            return None
        if operator in self.timed:
            return days_of(self, value)
        try:
            return date.fromisoformat(str(value)[:10]).isoformat()
        except ValueError:
            raise self.refuse(_("give a date like 2026-03-31.")) from None

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause; both ends are in."""
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        today = timezone.localdate(asked.now)
        span = timedelta(days=value) if operator in self.timed else timedelta()
        bounds: dict[str, Any] = {
            "in_next": {"gte": today, "lte": today + span},
            "in_last": {"gte": today - span, "lte": today},
            "further": {"gt": today + span},
            "longer_ago": {"lt": today - span},
            "before": {"lt": value},
            "after": {"gte": value},
        }[operator]
        return Q(
            **{f"{self.column}__{side}": at for side, at in bounds.items()},
            **{f"{self.column}__isnull": False},
        )

    def words(self, operator: str, value: Any) -> str:
        """Return "renewal is within the next 90 days"."""
        shown = "" if value is None else in_days(value) if operator in self.timed else value
        return f"{self.label} {self.operators[operator]} {shown}".strip()

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the day."""
        day = getattr(account, self.column)
        return _("not set") if day is None else day.isoformat()


class PercentField(NumberField):
    """A share (0..1 in the column) that people write in percent; ``scale`` is what 1 of the column is in the words."""

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause for the share."""
        side = "gte" if operator == "at_least" else "lte"
        return Q(**{f"{self.column}__{side}": value / 100, f"{self.column}__isnull": False})

    def test(self, operator: str, value: Any, row: Any, asked: Asked) -> bool:
        """Judge the row."""
        share = getattr(row, self.column)
        if share is None:
            return False
        return bool(share >= value / 100 if operator == "at_least" else share <= value / 100)

    def words(self, operator: str, value: Any) -> str:
        """Return "churn in 90 days is at least 30 %"."""
        return f"{self.label} {self.operators[operator]} {value:g} %"

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the share in percent."""
        share = getattr(account, self.column)
        return _("unknown") if share is None else f"{100 * share:.1f} %"


class PartsField(AccountField):
    """A field whose value has several parts; subclasses name them in ``parts``, those in ``optional`` may be left out."""

    parts: ClassVar[Sequence[str]] = ()
    optional: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, key: str, label: Label, options: Options | None = None) -> None:
        super().__init__(key, label)
        self._options = options

    def input_kind(self, operator: str) -> str:
        """Return the parts in their order."""
        return f"parts:{','.join(self.parts)}"

    def options(self) -> list[tuple[str, str]]:
        """Return what the lists of the value choose from."""
        return self._options() if self._options else []

    def clean(self, operator: str, value: object) -> dict[str, Any]:
        """Return the parts checked; raises ValidationError naming what is missing."""
        if not isinstance(value, Mapping):
            raise self.refuse(_("give an object with: %s.") % ", ".join(self.parts))
        unknown = sorted(str(one) for one in set(value) - set(self.parts))
        if unknown:
            raise self.refuse(_("there is no part “%s”.") % ", ".join(unknown))
        return {name: self._clean_part(name, value.get(name)) for name in self.parts}

    def _clean_part(self, name: str, value: object) -> Any:
        if name == "number":
            number = number_of(self, value)
            if number < 0 or number != int(number):
                raise self.refuse(_("give a whole number from 0."))
            return int(number)
        if name in {"within", "for"}:
            return days_of(self, value, least=1)
        chosen = (
            [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)] if value else []
        )
        unknown = set(chosen) - set(self.names(chosen))
        if unknown or not (chosen or name in self.optional):
            raise self.refuse(
                _("choose from the list (%s is not on it).") % ", ".join(sorted(unknown) or ["–"])
            )
        return list(dict.fromkeys(chosen))

    def told(self, values: Sequence[str]) -> str:
        """Return the names of options: "at risk or watch"."""
        names = self.names(values)
        return _(" or ").join(names.get(one, one) for one in values)


class CountField(PartsField):
    """How many rows there are about an account: at least or at most a number, of some kinds, within the last days."""

    operators: ClassVar[Mapping[str, Label]] = {
        "at_least": gettext_lazy("is at least"),
        "at_most": gettext_lazy("is at most"),
    }
    optional = frozenset({"of"})

    def counts(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Any, Any]:
        """Return (account, n) of accounts with rows, narrowed to ``asked.among`` when it is given."""
        raise NotImplementedError

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause; accounts without rows count 0."""
        number, rows = value["number"], self.counts(value, asked)
        if operator == "at_least":
            if number == 0:
                return ~NOBODY
            return Q(pk__in=rows.filter(n__gte=number).values("account"))
        return ~Q(pk__in=rows.filter(n__gt=number).values("account"))

    def words(self, operator: str, value: Any) -> str:
        """Return "usage events is at least 10 of login in the last 28 days"."""
        words = [str(self.label), str(self.operators[operator]), str(value["number"])]
        if value.get("of"):
            words.append(_("of %s") % self.told(value["of"]))
        if value.get("within"):
            words.append(_("in the last %s") % in_days(value["within"]))
        return " ".join(words)

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the number."""
        rows = self.counts(value, Asked(asked.me, asked.now, (account.pk,)))
        return str(sum(row["n"] for row in rows))


class HeldField(PartsField):
    """A state that has been one of some for at least so many days without a break."""

    parts = ("of", "for")
    operators: ClassVar[Mapping[str, Label]] = {"held": gettext_lazy("has been")}
    timed: ClassVar[frozenset[str]] = frozenset({"held"})

    def words(self, operator: str, value: Any) -> str:
        """Return "health band has been at risk for at least 14 days"."""
        told = {"label": self.label, "state": self.told(value["of"]), "span": in_days(value["for"])}
        return _("%(label)s has been %(state)s for at least %(span)s") % told


class MovedField(PartsField):
    """A state that went from one of some to one of others within the last days."""

    parts = ("from", "to", "within")
    operators: ClassVar[Mapping[str, Label]] = {"moved": gettext_lazy("changed")}
    timed: ClassVar[frozenset[str]] = frozenset({"moved"})

    def words(self, operator: str, value: Any) -> str:
        """Return "health band changed from healthy to at risk in the last 30 days"."""
        told = {
            "label": self.label,
            "old": self.told(value["from"]),
            "new": self.told(value["to"]),
            "span": in_days(value["within"]),
        }
        return _("%(label)s changed from %(old)s to %(new)s in the last %(span)s") % told
