"""Reads of journeys: how long customers stay in stages, where they go from there, where they are lost, who stands still.

Dwell times are estimated after Kaplan and Meier (``core.survival``): who is still in a stage counts as "longer than so far".
Stays whose beginning nobody saw (an account was first seen in a later stage) are left out of the estimate.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.survival import Survival, survival
from customers.models import Account, SegmentMembership, Stage, StageStay
from customers.registry import Moment, journey_moments
from customers.segments import readable_segment
from ml.monitoring.estimates import wilson
from people.viewer import Viewer

PERIODS = (90, 180, 365, 730)
USUAL_PERIOD = 365
WEEKEND = (5, 6)
Z95 = 1.959963984540054
MOST_STALLED = 50


@dataclass(frozen=True)
class StageFigures:
    """One stage: who is in it, how long stays take (days), and the share of ended stays after which the customer was lost.

    ``entered`` and ``left`` are of the period; ``lost`` of them ended the relation, with the 95 % interval of Wilson.
    """

    stage: Stage
    present: int
    entered: int
    left: int
    dwell: Survival
    lost: int
    lost_low: float | None
    lost_high: float | None

    @property
    def lost_share(self) -> float | None:
        """The share of ended stays that ended the relation, 0..1; None without any."""
        return self.lost / self.left if self.left else None


@dataclass(frozen=True)
class Transition:
    """So many stays of one stage were followed by another; the median of their days is of those that ended (no estimate)."""

    source: Stage
    target: Stage
    number: int
    median_days: float


@dataclass(frozen=True)
class Journeys:
    """All figures of a set of accounts since ``since``."""

    since: datetime
    accounts: int
    stages: tuple[StageFigures, ...]
    transitions: tuple[Transition, ...]


def journey_accounts(viewer: Viewer, wanted: Mapping[str, str]) -> QuerySet[Account]:
    """Return the visible accounts, former customers among them, by ``tier``, ``segment`` (its id) and ``owner`` ("mine");
    what is not known is left out."""
    accounts: QuerySet[Account] = Account.objects.visible_to(viewer)
    if wanted.get("tier") in Account.Tier.values:
        accounts = accounts.filter(tier=wanted["tier"])
    if wanted.get("owner") == "mine":
        accounts = accounts.filter(csm_id=viewer.user_id or 0)
    number = wanted.get("segment", "")
    if number.isascii() and number.isdecimal() and len(number) < 18:
        segment = readable_segment(viewer, int(number))
        members = SegmentMembership.objects.filter(segment=segment, left_at=None)
        accounts = accounts.filter(pk__in=members.values("account")) if segment else accounts
    return accounts


def journeys(
    accounts: QuerySet[Account], *, days: int = USUAL_PERIOD, now: datetime | None = None
) -> Journeys:
    """Return the figures of stays that were entered or left in the last ``days``. Two queries and a look at each stay."""
    now = now or timezone.now()
    since = now - timedelta(days=days)
    stages = {stage.pk: stage for stage in Stage.objects.all()}
    rows = StageStay.objects.filter(
        Q(left_at=None) | Q(left_at__gte=since), account__in=accounts.values("pk")
    )
    stays = list(
        rows.order_by("account_id", "entered_at", "pk").values_list(
            "account_id", "stage_id", "entered_at", "left_at", "cause"
        )
    )
    follows: dict[tuple[int, int], list[float]] = defaultdict(list)
    for one, after in pairwise(stays):
        if one[0] == after[0] and one[3] is not None and one[3] >= since:
            follows[one[1], after[1]].append(_days(one[2], one[3]))
    first = min(stages.values(), key=lambda stage: stage.position, default=None)
    times: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    present, entered, left = Counter[int](), Counter[int](), Counter[int]()
    for _account, stage, came, went, cause in stays:
        present[stage] += went is None
        entered[stage] += came >= since
        left[stage] += went is not None
        seen = cause != StageStay.Cause.START or (first is not None and stage == first.pk)
        if seen and came >= since:
            times[stage].append((_days(came, went or now), went is not None))
    shown = [one for one in stages.values() if one.is_active or present[one.pk] or left[one.pk]]
    figures = [
        _figures(
            stage, present[stage.pk], entered[stage.pk], left[stage.pk], times[stage.pk], follows, stages
        )
        for stage in shown
    ]
    moves = [
        Transition(stages[source], stages[target], len(took), sorted(took)[len(took) // 2])
        for (source, target), took in follows.items()
    ]
    moves.sort(key=lambda one: (-one.number, one.source.position, one.target.position))
    return Journeys(since, len({row[0] for row in stays}), tuple(figures), tuple(moves))


def _days(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() / 86_400)


def _figures(
    stage: Stage,
    present: int,
    entered: int,
    left: int,
    times: Sequence[tuple[float, bool]],
    follows: Mapping[tuple[int, int], Sequence[float]],
    stages: Mapping[int, Stage],
) -> StageFigures:
    lost = sum(
        len(took)
        for (source, target), took in follows.items()
        if source == stage.pk and stages[target].is_end
    )
    low, high = wilson(lost / left, left, Z95) if left else (None, None)
    dwell = survival([days for days, _done in times], [done for _days_, done in times])
    return StageFigures(stage, present, entered, left, dwell, lost, low, high)


def moments_by_stage(viewer: Viewer, accounts: QuerySet[Account], since: datetime) -> dict[int, list[Moment]]:
    """Return what other apps tell about the stages, by stage."""
    found: dict[int, list[Moment]] = defaultdict(list)
    for part in sorted(journey_moments, key=lambda part: (part.order, part.key)):
        if not part.permission or viewer.can(part.permission):
            for moment in part.moments(viewer, accounts, since):
                found[moment.stage_id].append(moment)
    return dict(found)


def business_days_before(day: date, number: int) -> date:
    """Return the day that is ``number`` business days (Monday to Friday) before a day."""
    while number > 0:
        day -= timedelta(days=1)
        number -= day.weekday() not in WEEKEND
    return day


def stalled(accounts: QuerySet[Account], *, now: datetime | None = None) -> QuerySet[StageStay]:
    """Return open stays without a step (a touch, a move) for the business days that their stage allows, longest first."""
    now = now or timezone.now()
    late = Q(pk__in=[])
    for stage in Stage.objects.filter(is_active=True, stall_days__isnull=False):
        today = timezone.localdate(now)
        limit = now - (today - business_days_before(today, stage.stall_days or 0))
        quiet = Q(account__last_touch_at=None) | Q(account__last_touch_at__lt=limit)
        late |= Q(stage=stage, entered_at__lt=limit) & quiet
    rows = StageStay.objects.filter(late, left_at=None, account__in=accounts.values("pk"))
    return rows.select_related("account__csm", "stage").order_by(
        F("account__last_touch_at").asc(nulls_first=True), "entered_at", "pk"
    )


def stays_of(account: Account) -> list[StageStay]:
    """Return the stages that an account was in, oldest first."""
    return list(account.stage_stays.select_related("stage").order_by("entered_at", "pk"))
