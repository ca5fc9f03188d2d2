"""What customers say: kinds by week and group, and the board of a kind by the value of who says it; both as CSV too."""

import csv
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import money, percent, plain
from insights.figures import Scope
from insights.pages.filters import filter_bar, period_menu, scope_of
from insights.signals import BREAKDOWNS, KINDS, KindCount, SignalReport, accounts_that_say, signal_report
from insights.wording import plain_cell
from people.requests import StaffRequest, page

# The boards that products are planned by come first.
BOARDS = ("feature_request", "bug")


@page("insights.view")
@require_GET
def signals(request: StaffRequest) -> HttpResponse:
    """Show a row per kind: its count, its weeks, how much people corrected, and how it is spread (``?by=``)."""
    scope = scope_of(request)
    by = _breakdown(request)
    report = signal_report(scope, by)
    base = reverse("insights-signals")
    context = {
        "rows": [_row(scope, one, report) for one in report.kinds],
        "groups": [name for _value, name in report.groups],
        "by": {
            "label": BREAKDOWNS[by],
            "tabs": [
                {"label": label, "url": f"{base}?{scope.query(by=key)}", "current": key == by, "count": None}
                for key, label in BREAKDOWNS.items()
            ],
        },
        "weeks": [date_format(day, "j M") for day in report.weeks],
        "bar": filter_bar(scope, "insights-signals", by=by),
        "period": period_menu(scope, "insights-signals", by=by),
        "export_url": f"{reverse('insights-signals-export')}?{scope.query(by=by)}",
        "back_url": f"{reverse('insights')}?{scope.query()}",
        "is_narrow": not request.viewer.can("insights.all_teams"),
        "zone": str(scope.period.zone),
        "is_empty": not any(one.count or one.read for one in report.kinds),
    }
    return render(request, "insights/signals.html", context)


@page("insights.view")
@require_GET
def board(request: StaffRequest, kind: str) -> HttpResponse:
    """Show who says it, the most valuable account first, with the tickets."""
    scope, label = scope_of(request), _label(kind)
    rows, more = accounts_that_say(kind, scope)
    kinds = sorted(KINDS, key=lambda one: BOARDS.index(one) if one in BOARDS else len(BOARDS))
    context = {
        "label": label,
        "rows": [{"said": one, "arr": _arr(one)} for one in rows],
        "total": sum(one.tickets for one in rows),
        "more": more,
        "tabs": [
            {
                "label": one.label,
                "url": f"{reverse('insights-board', args=[one.value])}?{scope.query()}",
                "current": one == kind,
                "count": None,
            }
            for one in kinds
        ],
        "bar": filter_bar(scope, "insights-board", kind),
        "period": period_menu(scope, "insights-board", kind),
        "export_url": f"{reverse('insights-board-export', args=[kind])}?{scope.query()}",
        "back_url": f"{reverse('insights-signals')}?{scope.query()}",
        "sees_accounts": request.viewer.can("customers.view"),
    }
    return render(request, "insights/board.html", context)


@page("insights.view")
@require_GET
def export(request: StaffRequest) -> HttpResponse:
    """Counts as CSV: a line per kind and week, and per kind and group."""
    scope, by = scope_of(request), _breakdown(request)
    report = signal_report(scope, by)
    response, writer = _csv(f"signals-{scope.period.first}-{scope.period.last}.csv")
    writer.writerow(
        ["kind", "label", "by", "group", "name", "count", "read", "dismissed", "added", "corrected"]
    )
    for one in report.kinds:
        told = [one.kind, one.label]
        corrected = "" if one.corrected is None else round(one.corrected, 4)
        _line(writer, [*told, "", "", "", one.count, one.read, one.dismissed, one.added, corrected])
        for week, count in zip(report.weeks, one.weeks, strict=True):
            _line(writer, [*told, "week", week.isoformat(), week.isoformat(), count, "", "", "", ""])
        for value, name in report.groups:
            _line(writer, [*told, by, value, name, one.groups.get(value, 0), "", "", "", ""])
    return response


@page("insights.view")
@require_GET
def export_board(request: StaffRequest, kind: str) -> HttpResponse:
    """The board as CSV: a line per account, with the numbers of its newest tickets."""
    scope = scope_of(request)
    _label(kind)
    rows, _more = accounts_that_say(kind, scope)
    response, writer = _csv(f"{kind}-{scope.period.first}-{scope.period.last}.csv")
    writer.writerow(
        ["kind", "account_id", "account", "arr", "currency", "tickets", "last_said_at", "newest_tickets"]
    )
    for one in rows:
        account = one.account
        told = (
            ["", "", "", ""] if account is None else [account.pk, account.name, account.arr, account.currency]
        )
        numbers = " ".join(f"#{said.ticket.number}" for said in one.newest)
        _line(writer, [kind, *told, one.tickets, one.last_at.isoformat(), numbers])
    return response


def _csv(name: str) -> tuple[HttpResponse, Any]:
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    return response, csv.writer(response)


def _line(writer: Any, cells: list[Any]) -> None:
    writer.writerow([plain_cell(cell) for cell in cells])


def _breakdown(request: StaffRequest) -> str:
    by = request.GET.get("by", "")
    return by if by in BREAKDOWNS else "channel"


def _label(kind: str) -> str:
    found = next((str(one.label) for one in KINDS if one == kind), None)
    if found is None:
        raise Http404(_("There is no such kind."))
    return found


def _arr(one: Any) -> str:
    return "" if one.account is None else money(one.account.arr, one.account.currency)


def _row(scope: Scope, one: KindCount, report: SignalReport) -> dict[str, Any]:
    return {
        "kind": one,
        "url": f"{reverse('insights-board', args=[one.kind])}?{scope.query()}",
        "count": plain(one.count),
        "weeks": list(one.weeks),
        "weeks_words": ", ".join(
            f"{date_format(day, 'j M')}: {n}" for day, n in zip(report.weeks, one.weeks, strict=True)
        ),
        "corrected": percent(one.corrected) if one.corrected is not None else "",
        "cells": [one.groups.get(value, 0) for value, _name in report.groups],
    }
