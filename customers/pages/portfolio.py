"""The portfolio: views, figures, who needs somebody today, and the table of accounts."""

import csv
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from core.formatting import band_tone, money, plain
from customers.models import Account
from customers.pages.account import find_account
from customers.pages.forms import possible_csms
from customers.portfolio import (
    FILTERS,
    SORTS,
    VIEWS,
    PortfolioFigures,
    Sums,
    default_sort,
    portfolio_accounts,
    portfolio_figures,
    portfolio_page,
    view_counts,
)
from customers.registry import reasons_for
from customers.segments import readable
from customers.services.mark_today import mark_today
from customers.today import ASSUMED_SAVEABILITY, TodayItem, today_items
from people.requests import StaffRequest, page
from people.roles import Role

IN_TODAY = 5
TODAY_PAGE = 100
EXPORTED = 10_000


@page("customers.view")
@require_GET
def portfolio(request: StaffRequest) -> HttpResponse:
    """Show the portfolio; view, filters, order and place are in the query string."""
    return render(request, "customers/portfolio.html", {**_overview(request), **_table(request)})


@page("customers.view")
@require_GET
def portfolio_overview(request: StaffRequest) -> HttpResponse:
    """The figures and the Today queue alone, for the live refresh."""
    return render(request, "customers/_portfolio_overview.html", _overview(request))


@page("customers.view")
@require_GET
def portfolio_rows(request: StaffRequest) -> HttpResponse:
    """Further rows of the table, with the next "Load more"."""
    return render(request, "customers/_portfolio_more.html", _table(request))


@page("customers.view")
@require_GET
def portfolio_table(request: StaffRequest) -> HttpResponse:
    """The first page of the table alone, for the live refresh."""
    return render(request, "customers/_portfolio_table.html", _table(request))


@page("customers.view")
@require_GET
def portfolio_export(request: StaffRequest) -> HttpResponse:
    """Hand out the accounts of the view as CSV, at most EXPORTED of them, in the order shown."""
    state = _state(request)
    found = portfolio_page(
        portfolio_accounts(request.viewer, state["view"], state), sort=state["order"], size=EXPORTED
    )
    name = f"customers-{timezone.localdate():%Y-%m-%d}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    writer = csv.writer(response)
    writer.writerow(
        [
            "id", "name", "domain", "tier", "stage", "csm", "arr", "currency", "renewal_on", "health_score", "health_band",
            "health_delta_30", "health_coverage", "churn_probability", "churn_low", "churn_high", "value_at_risk",
            "open_tickets", "last_touch_at", "next_step",
        ]
    )  # fmt: skip
    for account in found.accounts:
        writer.writerow(
            [
                account.pk, csv_cell(account.name), csv_cell(account.domain), account.tier, account.lifecycle,
                csv_cell(str(account.csm or "")), account.arr, account.currency, account.renewal_on or "",
                _number(account.health_score), account.health_band, _number(account.health_delta_30),
                _number(account.health_coverage), _number(account.churn_probability), _number(account.churn_low),
                _number(account.churn_high), _number(account.value_at_risk), account.open_tickets,
                account.last_touch_at.isoformat() if account.last_touch_at else "", csv_cell(account.next_step),
            ]
        )  # fmt: skip
    return response


def csv_cell(text: str) -> str:
    """Keep a spreadsheet from reading words as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def _number(value: Any) -> str:
    return "" if value is None else f"{float(value):.4f}".rstrip("0").rstrip(".")


def _state(request: StaffRequest) -> dict[str, str]:
    """What the query string says: the view (a CSM starts with their own), filters and order."""
    view = request.GET.get("view", "")
    if view not in VIEWS:
        view = "mine" if request.viewer.role == Role.CSM else "all"
    sort = request.GET.get("sort", "")
    state = {name: request.GET.get(name, "").strip()[:100] for name in FILTERS}
    known = sort.removeprefix("-") in SORTS
    return {
        **state,
        "view": view,
        "sort": sort if known else "",
        "order": sort if known else default_sort(request.viewer),
    }


def _url(name: str, state: dict[str, str], **changes: str) -> str:
    kept = {key: value for key, value in {**state, **changes}.items() if value and key != "order"}
    return f"{reverse(name)}?{urlencode(kept)}"


def _overview(request: StaffRequest) -> dict[str, Any]:
    state = _state(request)
    accounts = portfolio_accounts(request.viewer, state["view"], state)
    figures = portfolio_figures(accounts)
    shown, waiting = today_items(request.viewer, accounts, limit=IN_TODAY)
    return {
        "figures": figures,
        "strip": _strip(figures),
        "band_parts": [
            (float(amount), band_tone(band), Account.Band(band).label) for band, amount in figures.bands
        ],
        "today": _today_items(request, shown),
        "today_count": waiting,
        "today_url": _url("today", state),
        "overview_url": _url("portfolio-overview", state),
    }


def _strip(figures: PortfolioFigures) -> dict[str, dict[str, str]]:
    """The figures as the strip writes them; amounts in further currencies come after the first."""

    def told(sums: Sums, note: str) -> dict[str, str]:
        (currency, amount), *others = sums.amounts
        rest = ", ".join(money(value, name) for name, value in others)
        count = ngettext("%(n)s account", "%(n)s accounts", sums.accounts) % {"n": plain(sums.accounts)}
        more = _("and %(amounts)s") % {"amounts": rest} if rest else ""
        return {"value": money(amount, currency), "small": count, "more": more, "note": more or note}

    troubled = ngettext("%(n)s of them in trouble", "%(n)s of them in trouble", figures.renewing_troubled)
    return {
        "total": told(figures.total, ""),
        "troubled": told(figures.troubled, _("score below 65")),
        "at_risk": told(figures.at_risk, _("churn probability × ARR")),
        "renewing": told(figures.renewing, troubled % {"n": plain(figures.renewing_troubled)}),
    }


@page("customers.view")
@require_GET
def today(request: StaffRequest) -> HttpResponse:
    """The whole Today queue of a view, with every reason and its proof."""
    state = _state(request)
    accounts = portfolio_accounts(request.viewer, state["view"], state)
    items, waiting = today_items(request.viewer, accounts, limit=TODAY_PAGE)
    parts = {
        "today": _today_items(request, items),
        "today_count": waiting,
        "back_url": _url("portfolio", state),
        "assumed": round(100 * ASSUMED_SAVEABILITY),
        "is_assumed": any(item.is_assumed for item in items),
    }
    return render(request, "customers/today.html", parts)


@page("customers.edit")
@require_POST
def today_mark(request: StaffRequest, pk: int) -> HttpResponse:
    """Take an account out of one's queue: done, or for ``days``; answers with nothing in its place."""
    account = find_account(request, pk)
    sent = request.POST.get("days", "")
    days = int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 4 else None
    mark_today(account=account, by=request.viewer, days=days)
    return HttpResponse("")


def _today_items(request: StaffRequest, found: list[TodayItem]) -> list[dict[str, Any]]:
    reasons = reasons_for(request.viewer, [item.account for item in found])
    largest = max((item.value or 0.0 for item in found), default=0.0)
    most = max((item.account.arr for item in found), default=0)
    may_edit = request.viewer.can("customers.edit")
    items = []
    for rank, item in enumerate(found, start=1):
        account = item.account
        action = ("account-touch", _("Log touch")) if account.next_step else ("account-step", _("Plan step"))
        told = [one.text for one in item.signals]
        reason = reasons.get(account.pk, "")
        worth = money(account.arr, account.currency)
        if item.value is not None:
            worth = _("%(money)s/h") % {"money": money(60 * item.value, account.currency)}
        share = (item.value or 0.0) / largest if largest else float(account.arr / most) if most else 0.0
        items.append(
            {
                "rank": rank,
                "score": account.health_score,
                "band": account.health_band,
                "url": reverse("account", args=[account.pk]),
                "name": account.name,
                "reason": " · ".join([*([reason] if reason and reason not in told else []), *told][:3]),
                "signals": item.signals,
                "value_text": worth,
                "value_title": item.formula,
                "share": share,
                "action_label": action[1] if may_edit else "",
                "action_url": reverse(action[0], args=[account.pk]) if may_edit else "",
                "mark_url": reverse("today-mark", args=[account.pk]) if may_edit else "",
            }
        )
    return items


def _table(request: StaffRequest) -> dict[str, Any]:
    state = _state(request)
    accounts = portfolio_accounts(request.viewer, state["view"], state)
    found = portfolio_page(accounts, sort=state["order"], after=request.GET.get("after", ""))
    counts = view_counts(request.viewer)
    seen = request.GET.get("seen", "")
    shown = len(found.accounts) + (int(seen) if seen.isascii() and seen.isdigit() else 0)
    next_url = ""
    if found.next_cursor:
        next_url = _url("portfolio-rows", state, after=found.next_cursor, seen=str(shown))
    filtered = any(state[name] for name in FILTERS)
    return {
        "rows": [_row(request, account) for account in found.accounts],
        "total": accounts.count() if filtered else counts[state["view"]],
        "shown": shown,
        "next_url": next_url,
        "sort": state["order"],
        "state": state,
        "tabs": [
            {
                "label": label,
                "url": _url("portfolio", {"view": view, "sort": state["sort"]}),
                "current": view == state["view"],
                "count": counts[view],
            }
            for view, label in VIEWS.items()
        ],
        **_filters(request, state),
        "filtered": filtered,
        "clear_url": _url("portfolio", {"view": state["view"], "sort": state["sort"]}) if filtered else "",
        "table_url": _url("portfolio-table", state),
        "export_url": _url("portfolio-export", state),
        "is_empty": not counts["all"],
        "may_edit": request.viewer.can("customers.edit"),
    }


def _row(request: StaffRequest, account: Account) -> dict[str, Any]:
    return {
        "url": reverse("account", args=[account.pk]),
        "name": account.name,
        "score": account.health_score,
        "band": account.health_band,
        "points": account.health_trend,
        "change": account.health_delta_30,
        "churn_probability": account.churn_probability,
        "churn_low": account.churn_low,
        "churn_high": account.churn_high,
        "coverage": account.health_coverage,
        "arr": account.arr,
        "currency": account.currency,
        "renewal_on": account.renewal_on,
        "stage": account.get_lifecycle_display(),
        "csm": str(account.csm or ""),
        "is_you": account.csm_id is not None and account.csm_id == request.viewer.user_id,
        "touched_at": account.last_touch_at,
        "open_tickets": account.open_tickets,
        "next_step": account.next_step,
    }


def _filters(request: StaffRequest, state: dict[str, str]) -> dict[str, Any]:
    """The filter bar: what is set, and what can be added."""
    owners = [("none", _("nobody")), *((str(user.pk), str(user)) for user in possible_csms())]
    if state["view"] == "mine":
        owners = []
    known: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("owner", _("CSM is"), owners),
        ("band", _("Band is"), [(str(value), str(label)) for value, label in Account.Band.choices]),
        ("tier", _("Tier is"), [(str(value), str(label)) for value, label in Account.Tier.choices]),
        (
            "lifecycle",
            _("Stage is"),
            [(str(value), str(label)) for value, label in Account.Lifecycle.choices],
        ),
        ("segment", _("Segment is"), [(str(one.pk), one.name) for one in readable(request.viewer)]),
    ]
    filters, addable = [], []
    for name, label, choices in known:
        if not choices:
            continue
        chosen = dict(choices).get(state[name])
        options = [
            {
                "label": text,
                "url": _url("portfolio", state, **{name: value}),
                "selected": value == state[name],
            }
            for value, text in choices
        ]
        if chosen:
            removed = _url("portfolio", state, **{name: ""})
            filters.append({"label": label, "value": chosen, "remove_url": removed, "options": options})
        else:
            addable.append({"label": label, "options": options})
    if state["search"]:
        removed = _url("portfolio", state, search="")
        filters.append({"label": _("Name holds"), "value": state["search"], "remove_url": removed})
    return {"filters": filters, "addable": addable}
