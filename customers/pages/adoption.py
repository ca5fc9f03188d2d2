"""Adoption over all customers: counts by state, the matrix of accounts and features, retention; each as CSV too."""

import csv
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent
from core.pages.querystring import with_query
from customers.adoption import (
    NOT_ENTITLED,
    STATES,
    UNUSED,
    FeatureCounts,
    feature_counts,
    is_entitled,
    living_accounts,
    plans_of,
)
from customers.models import Account, FeatureAdoption, UsageFeature
from customers.retention import Retention, retention
from people.requests import StaffRequest, page

SHOWN, EXPORTED, COLUMNS = 50, 10_000, 14
MARKS = {"habitual": "●", "tried": "○", "lapsed": "×", UNUSED: "–", NOT_ENTITLED: "·"}
LEVELS = {"habitual": "lv4", "tried": "lv2", "lapsed": "lv1", UNUSED: "lv0", NOT_ENTITLED: "lvn"}


@page("customers.view")
@require_GET
def adoption(request: StaffRequest) -> HttpResponse:
    """Show, per feature, how many customers have adopted it."""
    counts = feature_counts(request.viewer, _chosen(request))
    context = {
        **_frame(request, "features"),
        "rows": [{"counts": one, "parts": _parts(one), "urls": _state_urls(one.feature)} for one in counts],
        "accounts": _chosen(request).count(),
        "export_url": reverse("adoption-export") + with_query(request),
    }
    return render(request, "customers/adoption.html", context)


@page("customers.view")
@require_GET
def adoption_export(request: StaffRequest) -> HttpResponse:
    """The counts as CSV."""
    response, writer = _csv("adoption")
    writer.writerow(["feature", "entitled", "habitual", "tried", "lapsed", "unused", "share_used"])
    for one in feature_counts(request.viewer, _chosen(request)):
        share = "" if one.share is None else round(one.share, 4)
        writer.writerow(
            [_cell(one.feature), one.entitled, one.habitual, one.tried, one.lapsed, one.unused, share]
        )
    return response


@page("customers.view")
@require_GET
def adoption_accounts(request: StaffRequest) -> HttpResponse:
    """Show the matrix of accounts and features; ``?feature=&state=`` narrows, ``?after=`` continues."""
    features = _features()
    accounts = _narrowed(request)
    after = request.GET.get("after", "")
    rows = (
        accounts.filter(pk__gt=int(after))
        if after.isascii() and after.isdecimal() and len(after) < 19
        else accounts
    )
    found = list(rows.order_by("pk")[: SHOWN + 1])
    feature, state = _asked(request)
    context = {
        **_frame(request, "accounts"),
        "features": features,
        "rows": _matrix(request, found[:SHOWN], features),
        "legend": [(MARKS[key], LEVELS[key], label) for key, label in STATES.items()],
        "narrowed": _("%(feature)s: %(state)s") % {"feature": feature, "state": STATES[state]}
        if feature
        else "",
        "clear_url": with_query(request, feature=None, state=None, after=None),
        "next_url": with_query(request, after=found[SHOWN - 1].pk) if len(found) > SHOWN else "",
        "export_url": reverse("adoption-accounts-export") + with_query(request, after=None),
    }
    return render(request, "customers/adoption_accounts.html", context)


@page("customers.view")
@require_GET
def adoption_accounts_export(request: StaffRequest) -> HttpResponse:
    """The matrix as CSV, at most EXPORTED accounts."""
    features = _features(every=True)
    response, writer = _csv("adoption-accounts")
    writer.writerow(["account_id", "account", *[_cell(one.name) for one in features]])
    for row in _matrix(request, list(_narrowed(request).order_by("pk")[:EXPORTED]), features):
        states = [cell["state"] for cell in row["cells"]]
        writer.writerow([row["account"].pk, _cell(row["account"].name), *states])
    return response


@page("customers.view")
@require_GET
def usage_retention(request: StaffRequest) -> HttpResponse:
    """Show cohorts of accounts by start, or with ``?feature=`` by first use, and who is still active."""
    feature, found = _retention(request)
    months = max((len(cohort.active) for cohort in found.cohorts), default=0)
    curve = [share for share in found.curve if share is not None]
    choices = [("", _("All accounts, by start"))] + [(one.name, one.name) for one in _features(every=True)]
    context = {
        **_frame(request, "retention"),
        "found": found,
        "ages": list(range(months)),
        "rows": [_cohort_row(cohort, months) for cohort in found.cohorts if cohort.size],
        "curve": [100 * share for share in curve],
        "curve_labels": [str(age) for age in range(len(curve))],
        "curve_rows": [(age, percent(share)) for age, share in enumerate(curve)],
        "headers": [_("Months after"), _("Still active")],
        "choices": choices,
        "feature": feature,
        "export_url": reverse("usage-retention-export") + with_query(request),
    }
    return render(request, "customers/retention.html", context)


@page("customers.view")
@require_GET
def usage_retention_export(request: StaffRequest) -> HttpResponse:
    """The cohorts as CSV: a line per cohort and month."""
    feature, found = _retention(request)
    response, writer = _csv("retention")
    writer.writerow(["feature", "cohort", "accounts", "months_after", "active", "share"])
    for cohort in found.cohorts:
        for age, (number, share) in enumerate(zip(cohort.active, cohort.shares, strict=True)):
            told = "" if share is None else round(share, 4)
            writer.writerow([_cell(feature), cohort.month.isoformat(), cohort.size, age, number, told])
    return response


def _retention(request: StaffRequest) -> tuple[str, Retention]:
    asked = request.GET.get("feature", "").replace("\0", "")[:120]
    known = UsageFeature.objects.filter(name=asked).exists() if asked else False
    feature = asked if known else ""
    return feature, retention(request.viewer, today=timezone.now().date(), feature=feature)


def _cohort_row(cohort: Any, months: int) -> dict[str, Any]:
    cells = [
        {"share": "" if share is None else round(100 * share), "level": _level(share), "active": number}
        for number, share in zip(cohort.active, cohort.shares, strict=True)
    ]
    return {
        "name": date_format(cohort.month, "M Y"),
        "size": cohort.size,
        "cells": cells,
        "blank": range(months - len(cells)),
    }


def _level(share: float | None) -> str:
    """The shade of a share."""
    if not share:
        return "lv0"
    return "lv4" if share >= 0.85 else "lv3" if share >= 0.6 else "lv2" if share >= 0.3 else "lv1"


def _frame(request: StaffRequest, current: str) -> dict[str, Any]:
    """Tabs and the filter by owner, which the pages share."""
    owner = request.GET.get("owner", "")
    tabs = [
        {"label": label, "url": reverse(name), "current": key == current, "count": None}
        for key, label, name in (
            ("features", _("Features"), "adoption"),
            ("accounts", _("Accounts"), "adoption-accounts"),
            ("retention", _("Retention"), "usage-retention"),
        )
    ]
    owners = [
        {
            "label": _("All customers"),
            "url": with_query(request, owner=None, after=None),
            "current": owner != "mine",
        },
        {
            "label": _("Mine"),
            "url": with_query(request, owner="mine", after=None),
            "current": owner == "mine",
        },
    ]
    return {"tabs": tabs, "owners": owners}


def _chosen(request: StaffRequest) -> QuerySet[Account]:
    accounts = living_accounts(request.viewer)
    if request.GET.get("owner") == "mine":
        accounts = accounts.filter(csm_id=request.viewer.user_id or 0)
    return accounts


def _asked(request: StaffRequest) -> tuple[str, str]:
    """The feature and state that the address narrows to; empty unless both are known."""
    feature, state = request.GET.get("feature", "").replace("\0", "")[:120], request.GET.get("state", "")
    if state not in STATES or not UsageFeature.objects.filter(name=feature).exists():
        return "", ""
    return feature, state


def _narrowed(request: StaffRequest) -> QuerySet[Account]:
    accounts = _chosen(request)
    feature, state = _asked(request)
    if not feature:
        return accounts
    rows = FeatureAdoption.objects.filter(feature=feature)
    if state in FeatureAdoption.State.values:
        return accounts.filter(pk__in=rows.filter(state=state).values("account"))
    needed = UsageFeature.objects.get(name=feature).plans
    never = accounts.exclude(pk__in=rows.values("account"))
    if not needed:
        return never if state == UNUSED else never.none()
    entitled = Account.objects.filter(subscriptions__plan__in=needed, subscriptions__ended_on=None)
    held = entitled.values("pk")
    return never.filter(pk__in=held) if state == UNUSED else never.exclude(pk__in=held)


def _features(*, every: bool = False) -> list[UsageFeature]:
    rows = UsageFeature.objects.filter(is_hidden=False).order_by("name")
    return list(rows if every else rows[:COLUMNS])


def _matrix(
    request: StaffRequest, accounts: list[Account], features: list[UsageFeature]
) -> list[dict[str, Any]]:
    """Return a row per account with a cell per feature: two queries."""
    ids = [account.pk for account in accounts]
    rows = FeatureAdoption.objects.visible_to(request.viewer).filter(account__in=ids)
    known = {(row.account_id, row.feature): row.state for row in rows.only("account_id", "feature", "state")}
    plans = plans_of(ids)
    return [
        {"account": account, "cells": [_mark(account, one, known, plans) for one in features]}
        for account in accounts
    ]


def _mark(
    account: Account, feature: UsageFeature, known: dict[tuple[int, str], str], plans: dict[int, set[str]]
) -> dict[str, str]:
    state = known.get((account.pk, feature.name), "")
    if not state:
        state = UNUSED if is_entitled(feature.plans, plans.get(account.pk, set())) else NOT_ENTITLED
    words = f"{feature.name}: {STATES[state]}"
    return {"state": state, "mark": MARKS[state], "level": LEVELS[state], "words": words}


def _parts(one: FeatureCounts) -> list[tuple[float, str, str]]:
    return [
        (one.habitual, "good", str(STATES["habitual"])),
        (one.tried, "steady", str(STATES["tried"])),
        (one.lapsed, "warn", str(STATES["lapsed"])),
    ]


def _state_urls(feature: str) -> dict[str, str]:
    from django.utils.http import urlencode

    base = reverse("adoption-accounts")
    return {state: f"{base}?{urlencode({'feature': feature, 'state': state})}" for state in STATES}


def _csv(name: str) -> tuple[HttpResponse, Any]:
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{timezone.now():%Y-%m-%d}.csv"'},
    )
    return response, csv.writer(response)


def _cell(text: str) -> str:
    """Keep a spreadsheet from reading words as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
