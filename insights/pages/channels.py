"""Channels side by side: how much comes on each, how fast and how well it is answered, and what that costs."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent, plain
from insights.figures import Scope
from insights.pages.dashboard import table_cell
from insights.pages.filters import filter_bar, period_menu, scope_of
from insights.registry import Kpi, kpis
from insights.report import Group, table_by
from people.requests import StaffRequest, page
from tickets.costs import current_costs
from tickets.registry import channel_parts

COLUMNS = ("opened", "first_response", "resolution_time", "reopen_rate", "csat", "resolved", "cost")


@page("insights.view")
@require_GET
def channels(request: StaffRequest) -> HttpResponse:
    """Show a row per channel; each number leads to its tickets."""
    scope = scope_of(request)
    columns: list[Kpi] = [kpis.get(key) for key in COLUMNS]
    groups = table_by(scope, "channel", columns)
    total = sum(group.figures["opened"].n for group in groups)
    costs = current_costs()
    context = {
        "columns": [{"label": kpi.label, "definition": kpi.definition} for kpi in columns],
        "rows": [_row(scope, group, columns, total) for group in groups],
        "bar": filter_bar(scope, "insights-channels"),
        "period": period_menu(scope, "insights-channels"),
        "export_url": f"{reverse('insights-export')}?{scope.query(by='channel')}",
        "back_url": f"{reverse('insights')}?{scope.query()}",
        "currency": costs.currency,
        "costs_url": reverse("settings-costs") if request.viewer.can("settings.manage") else "",
        "costs_are_known": costs.are_known,
        "is_narrow": not request.viewer.can("insights.all_teams"),
        "zone": str(scope.period.zone),
    }
    return render(request, "insights/channels.html", context)


def _row(scope: Scope, group: Group, columns: list[Kpi], total: int) -> dict[str, Any]:
    opened, cost = group.figures["opened"].n, group.figures["cost"]
    share = opened / total if total else 0.0
    spent = "" if cost.value is None else plain(cost.value * cost.n, 2)
    return {
        "name": group.name,
        "icon": channel_parts(group.value)[0],
        "url": f"{reverse('insights')}?{scope.query(channel=group.value)}",
        "share": round(share * 100, 1),
        "share_words": _("%s of new tickets") % percent(share),
        "cells": [table_cell(scope, "channel", group, kpi, kpi.target()) for kpi in columns],
        "spent": spent,
    }
