"""Whom to act for today: accounts by the expected value of acting, each with its reasons and their proof.

Expected value = churn probability x ARR x saveability / minutes, in money per minute. Saveability is the share of customers
about to leave who stay because somebody acted. Until data tells it (registry ``saveability``) it is ASSUMED_SAVEABILITY for
everybody, and the page says so. Minutes are of the shortest thing to do (``TodaySignal.minutes``). Accounts without an estimate
of churn come after the others, by ARR. Currencies are compared one to one: there are no exchange rates here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from customers.models import Account, TodayMark
from customers.registry import TodaySignal, TodaySource, saveability, today_sources
from people.viewer import Viewer

ASSUMED_SAVEABILITY = 0.2
#: What a call takes when nothing shorter is known.
USUAL_MINUTES = 30
RENEWAL_MINUTES = 45
RENEWAL_DAYS = 30
FALL = -5
TROUBLED = (Account.Band.AT_RISK, Account.Band.WATCH)
#: So many accounts are weighed; beyond them the value at risk is too small to come first.
WEIGHED = 300
#: The count of the queue stops here.
COUNTED = 1000
DONE_FOR = timedelta(days=7)


@dataclass(frozen=True)
class TodayItem:
    """One account to act for: ``value`` in money per minute (None without an estimate of churn), the parts it is made of, why."""

    account: Account
    value: float | None
    churn: float | None
    saveability: float
    is_assumed: bool
    minutes: int
    signals: tuple[TodaySignal, ...] = field(default_factory=tuple)

    @property
    def formula(self) -> str:
        """The arithmetic in words, as the page shows it on demand."""
        if self.churn is None:
            return _("ARR; there is no estimate of churn")
        told = {
            "p": f"{100 * self.churn:.0f}",
            "save": f"{100 * self.saveability:.0f}",
            "note": _(" (assumed)") if self.is_assumed else "",
            "minutes": self.minutes,
        }
        return _("churn %(p)s %% × ARR × saveability %(save)s %%%(note)s / %(minutes)d min") % told


def candidates(
    viewer: Viewer, accounts: QuerySet[Account], *, now: datetime | None = None
) -> QuerySet[Account]:
    """Return who of the accounts needs somebody: in trouble, falling, renewing soon, or told by a source; without what the viewer
    has done or snoozed. Not ordered."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    wanted = (
        Q(health_band__in=TROUBLED)
        | Q(health_delta_30__lte=FALL)
        | Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=RENEWAL_DAYS))
    )
    for source in _sources(viewer):
        wanted |= source.concerns(viewer, now)
    hidden = TodayMark.objects.filter(user_id=viewer.user_id or 0, until__gt=now)
    return accounts.filter(wanted).exclude(pk__in=hidden.values("account"))


def today_items(
    viewer: Viewer, accounts: QuerySet[Account], *, limit: int, now: datetime | None = None
) -> tuple[list[TodayItem], int]:
    """Return the first ``limit`` accounts by expected value, and how many there are; a fixed number of queries."""
    now = now or timezone.now()
    found = candidates(viewer, accounts, now=now)
    weighed = list(
        found.select_related("csm").order_by(F("value_at_risk").desc(nulls_last=True), "-arr", "pk")[:WEIGHED]
    )
    signals = _signals(viewer, weighed, now)
    known = _saveability(weighed)
    items = [_item(account, signals.get(account.pk, ()), known) for account in weighed]
    items.sort(key=lambda one: (one.value is None, -(one.value or 0), -one.account.arr, one.account.pk))
    total = len(weighed) if len(weighed) < WEIGHED else found.order_by()[:COUNTED].count()
    return items[:limit], total


def _sources(viewer: Viewer) -> list[TodaySource]:
    parts = sorted(today_sources, key=lambda part: (part.order, part.key))
    return [part for part in parts if not part.permission or viewer.can(part.permission)]


def _signals(
    viewer: Viewer, accounts: Collection[Account], now: datetime
) -> dict[int, tuple[TodaySignal, ...]]:
    found: dict[int, list[TodaySignal]] = {}
    for source in _sources(viewer):
        for account_id, told in source.signals(viewer, accounts, now).items():
            found.setdefault(account_id, []).extend(told)
    for account in accounts:
        found.setdefault(account.pk, []).extend(_own_signals(account, timezone.localdate(now)))
    return {account_id: tuple(told) for account_id, told in found.items()}


def _own_signals(account: Account, today: date) -> list[TodaySignal]:
    """What the account's own columns say."""
    told = []
    days = None if account.renewal_on is None else (account.renewal_on - today).days
    if days is not None and 0 <= days <= RENEWAL_DAYS:
        text = ngettext("Renewal in %d day", "Renewal in %d days", days) % days
        told.append(TodaySignal("renewal", text, f"/customers/{account.pk}/", RENEWAL_MINUTES))
    if account.health_delta_30 is not None and account.health_delta_30 <= FALL:
        points = round(-account.health_delta_30)
        text = (
            ngettext("Health fell by %d point in 30 days", "Health fell by %d points in 30 days", points)
            % points
        )
        told.append(TodaySignal("health", text, f"/customers/{account.pk}/", USUAL_MINUTES))
    elif account.health_band in TROUBLED:
        text = _("Health is %(band)s (%(score)d)") % {
            "band": account.get_health_band_display(),
            "score": round(account.health_score or 0),
        }
        told.append(TodaySignal("health", text, f"/customers/{account.pk}/", USUAL_MINUTES))
    return told


def _saveability(accounts: Sequence[Account]) -> dict[int, float]:
    known: dict[int, float] = {}
    for part in saveability:
        for account_id, share in part.shares(accounts).items():
            known.setdefault(account_id, share)
    return known


def _item(account: Account, signals: Sequence[TodaySignal], known: Mapping[int, float]) -> TodayItem:
    minutes = min((one.minutes for one in signals), default=USUAL_MINUTES)
    share = known.get(account.pk, ASSUMED_SAVEABILITY)
    churn = account.churn_probability
    value = None if churn is None else churn * float(account.arr) * share / minutes
    return TodayItem(account, value, churn, share, account.pk not in known, minutes, tuple(signals))
