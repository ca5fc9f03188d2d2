"""How product usage came in, by day: what was sent and what became of it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db.models import Count, QuerySet, Sum

from customers.models import UsageDeadLetter, UsageIntake
from customers.services.keep_dead_letters import DROPPED, PASSED


@dataclass(frozen=True)
class IntakeDay:
    """A day (UTC, of receipt): items by outcome. ``reasons`` are the rejected ones."""

    day: date
    accepted: int = 0
    duplicate: int = 0
    passed: int = 0
    dropped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Items that were rejected when they came."""
        return sum(self.reasons.values())

    @property
    def sent(self) -> int:
        """All items that came."""
        return self.accepted + self.duplicate + self.rejected

    @property
    def waiting(self) -> int:
        """Rejected items that have neither passed since nor been given up."""
        return self.rejected - self.passed - self.dropped


def intake_days(*, until: date, days: int) -> list[IntakeDay]:
    """Return the ``days`` days up to ``until``, newest first, those without any item as zeros: one query."""
    first = until - timedelta(days=days - 1)
    rows = UsageIntake.objects.filter(day__gte=first, day__lte=until).order_by()
    found: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for day, outcome, number in rows.values_list("day", "outcome").annotate(number=Sum("items")):
        found[day][outcome] = number
    return [_day(until - timedelta(days=back), found[until - timedelta(days=back)]) for back in range(days)]


def _day(day: date, outcomes: dict[str, int]) -> IntakeDay:
    known = {name: outcomes.get(name, 0) for name in ("accepted", "duplicate", PASSED, DROPPED)}
    reasons = {name: number for name, number in sorted(outcomes.items()) if name not in known}
    return IntakeDay(day=day, reasons=reasons, **known)


def letters_by_reason(letters: QuerySet[UsageDeadLetter]) -> dict[str, int]:
    """Return how many rejected items wait for each reason."""
    return dict(letters.order_by().values_list("reason").annotate(number=Count("pk")))
