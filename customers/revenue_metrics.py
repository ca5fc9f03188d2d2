"""The formulas of recurring revenue: cohort retention, the bridge from start to end, renewals due. Pure; amounts in one currency.

A *holding* is what one account (or one product of an account) had at the start and at the end of a period and what moved between.
Definitions, b the revenue at the start and e at the end, over the holdings with b > 0 (new customers are not among them):

- NRR = Σe / Σb · GRR = Σmin(e, b) / Σb · expansion = Σmax(e − b, 0) / Σb, so NRR = GRR + expansion exactly;
- revenue churn = Σb of those with e = 0 / Σb · contraction = Σ(b − e) of the others with less / Σb, so GRR = 1 − churn −
contraction;
- logo churn = holdings with e = 0 / holdings · price uplift: the part of expansion that only prices made.

Who left and came back within 30 days renewed late: the end counts on the day of the return, as more or less than before. Who came
back later left and is a new customer: e = 0 in the cohort. Amounts are whole cents and every sum is exact; ratios are fractions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from customers.money import cents

LATE = timedelta(days=30)
Key = tuple[int, str]
ZERO = Decimal(0)
LINES = ("new", "reactivation", "expansion", "price_uplift", "contraction", "churn", "fx")
GAINS = ("new", "reactivation", "expansion", "price_uplift")
LOSSES = ("contraction", "churn")


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one holding: its kind (one of LINES), its day, its exact amount."""

    kind: str
    on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """What one key had at the ``start`` and at the ``end`` and the ``lines`` between: start + Σ lines = end, to the cent.

    ``kept`` is the end as the cohort counts it: zero for who left in between, even when it is back as a new customer.
    """

    start: Decimal
    end: Decimal
    kept: Decimal
    lines: Mapping[str, Decimal]

    @property
    def capped(self) -> Decimal:
        """What of the start is left."""
        return min(self.kept, self.start)

    @property
    def expansion(self) -> Decimal:
        """What the cohort has more than at the start."""
        return max(self.kept - self.start, ZERO) if self.start > 0 else ZERO

    @property
    def uplift(self) -> Decimal:
        """The part of the expansion that prices made."""
        return min(self.expansion, max(self.lines.get("price_uplift", ZERO), ZERO))

    @property
    def is_lost(self) -> bool:
        """Whether it was there at the start and left."""
        return self.start > 0 and self.kept <= 0

    @property
    def lost(self) -> Decimal:
        """What left with it."""
        return self.start if self.is_lost else ZERO

    @property
    def contraction(self) -> Decimal:
        """What it has less while it stays."""
        return ZERO if self.is_lost or self.start <= 0 else self.start - self.capped


@dataclass(frozen=True, slots=True)
class Retention:
    """Sums over a cohort; shares are exact fractions, None for an empty cohort."""

    start: Decimal = ZERO
    capped: Decimal = ZERO
    expansion: Decimal = ZERO
    uplift: Decimal = ZERO
    lost: Decimal = ZERO
    contraction: Decimal = ZERO
    holdings: int = 0
    holdings_lost: int = 0

    def share(self, amount: Decimal) -> Fraction | None:
        """Return an amount as a fraction of the start."""
        return Fraction(amount) / Fraction(self.start) if self.start else None

    @property
    def grr(self) -> Fraction | None:
        """Gross revenue retention."""
        return self.share(self.capped)

    @property
    def nrr(self) -> Fraction | None:
        """Net revenue retention."""
        return self.share(self.capped + self.expansion)

    @property
    def logo_churn(self) -> Fraction | None:
        """Share of the holdings that left."""
        return Fraction(self.holdings_lost, self.holdings) if self.holdings else None


@dataclass(frozen=True, slots=True)
class Bridge:
    """From all revenue at the start to all at the end, new customers among it: start + Σ lines = end."""

    start: Decimal = ZERO
    end: Decimal = ZERO
    lines: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def gains(self) -> Decimal:
        """What came, new customers and returns among it."""
        return sum((self.lines[name] for name in GAINS), ZERO)

    @property
    def losses(self) -> Decimal:
        """What went, as a positive amount."""
        return -sum((self.lines[name] for name in LOSSES), ZERO)

    @property
    def quick_ratio(self) -> Fraction | None:
        """Gains per unit of losses, None without losses."""
        return Fraction(self.gains) / Fraction(self.losses) if self.losses > 0 else None


def bridge_late_renewals(opening: Decimal, steps: Sequence[Step]) -> list[Step]:
    """Return the steps, in order of their days, with each end that was followed by a return within 30 days as a late renewal.

    An end is a churn after which nothing is left. Both become one change on the day of the return: an expansion, a contraction,
    or nothing. ``opening`` is what was there before the first step.
    """
    found: list[Step] = []
    balance, left_at = opening, None
    for step in steps:
        balance += step.amount
        if (
            left_at is not None
            and step.kind in ("reactivation", "new")
            and step.on - found[left_at].on <= LATE
        ):
            more = found.pop(left_at).amount + step.amount
            left_at = None
            if more:
                found.append(Step("expansion" if more > 0 else "contraction", step.on, more))
            continue
        found.append(step)
        if step.kind == "churn" and balance <= 0:
            left_at = len(found) - 1
        elif balance > 0:
            left_at = None
    return found


def holding(opening: Decimal, steps: Sequence[Step], start: date, end: date) -> Holding:
    """Return the holding of a period from the end of day ``start`` to the end of day ``end``.

    ``opening`` is what was there before the first of the ``steps`` (in order of days, late renewals bridged).
    """
    at_start, balance, was_lost = opening, opening, False
    lines = dict.fromkeys(LINES, ZERO)
    for place, step in enumerate(steps):
        if step.on > end:
            break
        balance += step.amount
        if step.on <= start:
            at_start = balance
            continue
        lines[step.kind] += step.amount
        day_is_over = place + 1 == len(steps) or steps[place + 1].on > step.on
        was_lost = was_lost or (day_is_over and cents(balance) <= 0)
    b, e = cents(at_start), cents(balance)
    return Holding(b, e, ZERO if was_lost else e, _whole(lines, e - b))


def _whole(lines: Mapping[str, Decimal], total: Decimal) -> dict[str, Decimal]:
    """Round to cents so that the lines still sum to the change; the largest one takes the odd cents of converted amounts."""
    rounded = {name: cents(amount) for name, amount in lines.items()}
    rest = total - sum(rounded.values(), ZERO)
    if rest:
        largest = max(rounded, key=lambda name: abs(lines[name]))
        rounded[largest] += rest
    return rounded


def retention(holdings: Iterable[Holding]) -> Retention:
    """Sum up the cohort among holdings: those with something at the start."""
    cohort = [one for one in holdings if one.start > 0]
    return Retention(
        start=sum((one.start for one in cohort), ZERO),
        capped=sum((one.capped for one in cohort), ZERO),
        expansion=sum((one.expansion for one in cohort), ZERO),
        uplift=sum((one.uplift for one in cohort), ZERO),
        lost=sum((one.lost for one in cohort), ZERO),
        contraction=sum((one.contraction for one in cohort), ZERO),
        holdings=len(cohort),
        holdings_lost=sum(one.is_lost for one in cohort),
    )


def bridge(holdings: Iterable[Holding]) -> Bridge:
    """Sum up all holdings."""
    every = list(holdings)
    return Bridge(
        start=sum((one.start for one in every), ZERO),
        end=sum((one.end for one in every), ZERO),
        lines={name: sum((one.lines[name] for one in every), ZERO) for name in LINES},
    )


@dataclass(frozen=True, slots=True)
class Due:
    """A renewal that fell due: the revenue before, and after the 30 days in which it may be late, at most as much."""

    on: date
    due: Decimal
    renewed: Decimal


def renewals_due(
    opening: Decimal, steps: Sequence[Step], anniversary: date, start: date, end: date, today: date
) -> list[Due]:
    """Return the yearly renewals of one holding that fell due after ``start`` and by ``end``.

    ``steps`` are those that were recorded, not bridged. What is renewed is what is left 30 days after the day, or today when they
    are not over.
    """
    found = []
    for year in range(start.year, end.year + 1):
        day = anniversary.replace(
            year=year, day=min(anniversary.day, 28) if anniversary.month == 2 else anniversary.day
        )
        if not start < day <= end:
            continue
        before = cents(balance_at(opening, steps, day - timedelta(days=1)))
        after = cents(balance_at(opening, steps, min(day + LATE, max(today, day))))
        if before > 0:
            found.append(Due(day, before, min(max(after, ZERO), before)))
    return found


def balance_at(opening: Decimal, steps: Sequence[Step], day: date) -> Decimal:
    """Return what was there at the end of a day."""
    return opening + sum((step.amount for step in steps if step.on <= day), ZERO)


def rounded(share: Fraction | None, digits: int = 6) -> Decimal | None:
    """Return a fraction as a decimal, None for None."""
    if share is None:
        return None
    return Decimal(round(share * 10**digits)).scaleb(-digits)
