"""Reads of customers that pages, REST and other apps share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from customers.models import Account, ConsentEvent, Contact, UsageDaily
from people.viewer import Viewer

SORTS = {
    "value_at_risk": (F("value_at_risk").desc(nulls_last=True), "pk"),
    "score": (F("health_score").asc(nulls_last=True), "pk"),
    "change": (F("health_delta_30").asc(nulls_last=True), "pk"),
    "churn": (F("churn_probability").desc(nulls_last=True), "pk"),
    "coverage": (F("health_coverage").asc(nulls_last=True), "pk"),
    "arr": ("-arr", "pk"),
    "renewal": (F("renewal_on").asc(nulls_last=True), "pk"),
    "tickets": ("-open_tickets", "pk"),
    "touch": (F("last_touch_at").asc(nulls_first=True), "pk"),
    "name": ("name", "pk"),
}
DEFAULT_SORT = "value_at_risk"


def accounts_matching(viewer: Viewer, wanted: Mapping[str, str]) -> QuerySet[Account]:
    """Return the visible accounts that match the filters, CSMs loaded, unordered.

    ``wanted`` may hold ``owner`` (mine, none or a user id), ``band``, ``tier``, ``lifecycle``, ``renewal`` (days ahead) and
    ``search`` (name or domain). Churned accounts are left out unless asked for. Unknown values raise ValidationError.
    """
    accounts = Account.objects.visible_to(viewer).select_related("csm")
    owner = wanted.get("owner", "")
    if owner == "mine":
        accounts = accounts.filter(csm_id=viewer.user_id or 0)
    elif owner == "none":
        accounts = accounts.filter(csm=None)
    elif owner:
        accounts = accounts.filter(csm_id=_number("owner", owner))
    for name, field, values in (
        ("band", "health_band", Account.Band.values),
        ("tier", "tier", Account.Tier.values),
        ("lifecycle", "lifecycle", Account.Lifecycle.values),
    ):
        value = wanted.get(name, "")
        if value and value not in values:
            raise ValidationError({name: ", ".join(values)})
        if value:
            accounts = accounts.filter(**{field: value})
    if wanted.get("lifecycle") != Account.Lifecycle.CHURNED:
        accounts = accounts.exclude(lifecycle=Account.Lifecycle.CHURNED)
    if wanted.get("renewal"):
        today = timezone.now().date()
        until = today + timedelta(days=min(_number("renewal", wanted["renewal"]), 3650))
        accounts = accounts.filter(renewal_on__gte=today, renewal_on__lte=until)
    words = wanted.get("search", "").strip()
    if words:
        accounts = accounts.filter(Q(name__icontains=words) | Q(domain__icontains=words))
    return accounts


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise ValidationError({name: f"{value!r} is not a number"})
    return int(value)


@dataclass(frozen=True)
class PortfolioFigures:
    """Sums over a set of accounts; money in the currency most accounts have, accounts of others left out of the sums."""

    accounts: int
    currency: str
    arr: Decimal
    value_at_risk: Decimal | None
    renewing: int
    renewing_arr: Decimal
    at_risk: int
    watch: int
    unknown: int


def portfolio_figures(accounts: QuerySet[Account], *, renewal_days: int = 90) -> PortfolioFigures:
    """Add a set of accounts up, in two queries."""
    common = (
        accounts.order_by().values_list("currency").annotate(n=Count("pk")).order_by("-n", "currency").first()
    )
    currency = common[0] if common else "EUR"
    today = timezone.now().date()
    due = Q(renewal_on__gte=today, renewal_on__lte=today + timedelta(days=renewal_days))
    same = Q(currency=currency)
    sums = accounts.order_by().aggregate(
        accounts=Count("pk"),
        arr=Sum("arr", filter=same),
        value_at_risk=Sum("value_at_risk", filter=same),
        renewing=Count("pk", filter=due),
        renewing_arr=Sum("arr", filter=due & same),
        at_risk=Count("pk", filter=Q(health_band=Account.Band.AT_RISK)),
        watch=Count("pk", filter=Q(health_band=Account.Band.WATCH)),
        unknown=Count("pk", filter=Q(health_band=Account.Band.UNKNOWN)),
    )
    sums["arr"] = sums["arr"] or Decimal(0)
    sums["renewing_arr"] = sums["renewing_arr"] or Decimal(0)
    return PortfolioFigures(currency=currency, **sums)


def contacts_of(account: Account, viewer: Viewer) -> QuerySet[Contact]:
    """Return the account's people as they are now (merged ones are behind their target), addresses loaded."""
    return (
        Contact.objects.visible_to(viewer)
        .filter(account=account, merged_into=None)
        .prefetch_related("identities")
        .order_by(F("left_at").asc(nulls_first=True), "name", "pk")
    )


def consent_of(contact: Contact, *, channel: str = "email", topic: str = "success") -> str:
    """Return the status that holds for a topic on a channel; empty when the contact never said anything."""
    status = (
        ConsentEvent.objects.filter(contact=contact, channel=channel, topic=topic)
        .order_by("-pk")
        .values_list("status", flat=True)
        .first()
    )
    return status or ""


def daily_usage(account: Account, *, days: int, until: date) -> list[tuple[date, int, int]]:
    """Return (day, events, users) for each of the ``days`` days before ``until``, oldest first; no row means zero."""
    start = until - timedelta(days=days)
    rows = UsageDaily.objects.filter(account=account, feature="", day__gte=start, day__lt=until)
    known = {day: (events, users) for day, events, users in rows.values_list("day", "events", "users")}
    every = [start + timedelta(days=offset) for offset in range(days)]
    return [(day, *known.get(day, (0, 0))) for day in every]


def weekly_feature_users(account: Account, *, weeks: int, until: date) -> list[tuple[str, list[int]]]:
    """Return per feature the most users on one day of each of the ``weeks`` weeks before ``until``, busiest feature first."""
    start = until - timedelta(weeks=weeks)
    rows = UsageDaily.objects.filter(account=account, day__gte=start, day__lt=until).exclude(feature="")
    matrix: dict[str, list[int]] = {}
    for feature, day, users in rows.values_list("feature", "day", "users"):
        line = matrix.setdefault(feature, [0] * weeks)
        week = (day - start).days // 7
        line[week] = max(line[week], users)
    return sorted(matrix.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
