"""Reads of customers that pages, REST and other apps share."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Max, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account, ConsentEvent, Contact, SegmentMembership, UsageDaily
from customers.segments import readable_segment
from customers.traits import rows_with_trait
from people.viewer import Viewer


def accounts_matching(viewer: Viewer, wanted: Mapping[str, str]) -> QuerySet[Account]:
    """Return the visible accounts that match the filters, CSMs loaded, unordered.

    ``wanted`` may hold ``owner`` (mine, none or a user id), ``band``, ``tier``, ``lifecycle``, ``segment`` (its id), ``renewal``
    (days ahead), ``known_as`` (system:id, as another system knows them), ``trait`` (key:value) and ``search`` (name or domain).
    Churned accounts are left out unless asked for, by stage or by a segment that holds them. Unknown values raise
    ValidationError.
    """
    accounts: QuerySet[Account] = Account.objects.visible_to(viewer).select_related("csm")
    if wanted.get("band") and not viewer.can("health.view"):
        raise ValidationError({"band": _("This filter needs the permission “%s”.") % "health.view"})
    accounts = _owned(accounts, wanted.get("owner", ""), viewer)
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
    accounts = _present(accounts, wanted, viewer)
    if wanted.get("renewal"):
        today = timezone.now().date()
        until = today + timedelta(days=min(_number("renewal", wanted["renewal"]), 3650))
        accounts = accounts.filter(renewal_on__gte=today, renewal_on__lte=until)
    if wanted.get("known_as"):
        source, _colon, value = wanted["known_as"].replace("\x00", "").partition(":")
        accounts = accounts.filter(external_ids__source=source, external_ids__value=value)
    if wanted.get("trait"):
        accounts = rows_with_trait(accounts, "account", wanted["trait"].replace("\x00", ""))
    words = wanted.get("search", "").replace("\x00", "").strip()
    if words:
        accounts = accounts.filter(Q(name__icontains=words) | Q(domain__icontains=words))
    return accounts


def _present(accounts: QuerySet[Account], wanted: Mapping[str, str], viewer: Viewer) -> QuerySet[Account]:
    """Who is in the segment asked for now, by its ledger; without one those who have not churned, unless asked for."""
    if not wanted.get("segment"):
        churned = Account.Lifecycle.CHURNED
        return accounts if wanted.get("lifecycle") == churned else accounts.exclude(lifecycle=churned)
    segment = readable_segment(viewer, _number("segment", wanted["segment"]))
    if segment is None:
        raise ValidationError({"segment": _("There is no such segment.")})
    members = SegmentMembership.objects.filter(segment=segment, left_at=None)
    return accounts.filter(pk__in=members.values("account"))


def _owned(accounts: QuerySet[Account], owner: str, viewer: Viewer) -> QuerySet[Account]:
    if owner == "mine":
        return accounts.filter(csm_id=viewer.user_id or 0)
    if owner == "none":
        return accounts.filter(csm=None)
    return accounts.filter(csm_id=_number("owner", owner)) if owner else accounts


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise ValidationError({name: f"{value!r} is not a number"})
    return int(value)


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


def feature_usage(account: Account, *, days: int, until: date) -> list[Mapping[str, Any]]:
    """Return per feature its events, the most users of one day and its last day in the ``days`` days before ``until``, busiest
    first, as dicts."""
    rows = UsageDaily.objects.filter(account=account, day__gte=until - timedelta(days=days), day__lt=until)
    found = rows.exclude(feature="").values("feature").order_by()
    sums = found.annotate(used=Sum("events"), most_users=Max("users"), last_used_on=Max("day"))
    return [dict(row) for row in sums.order_by("-used", "feature")[:500]]


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
