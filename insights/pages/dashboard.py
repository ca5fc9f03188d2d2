"""The support dashboard, and the same figures as CSV."""

import csv
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent, plain
from insights import charts
from insights.figures import Figure, Scope
from insights.pages.filters import filter_bar, period_menu, scope_of
from insights.registry import Kpi, kpis, kpis_in_order
from insights.report import Group, Result, all_results, is_share, table_by, tickets_url
from insights.sources import DIMENSIONS
from insights.wording import change_in_words, exact, in_words, note_of, plain_cell, value_and_unit
from people.requests import StaffRequest, page

# Columns of the table, and whether a share shows its misses beside it.
COLUMNS = (
    "opened",
    "resolved",
    "backlog",
    "first_response",
    "resolution_time",
    "sla_first_response",
    "sla_resolution",
    "reopen_rate",
    "one_touch",
    "csat",
    "cost",
)


@page("insights.view")
@require_GET
def dashboard(request: StaffRequest) -> HttpResponse:
    """Show every KPI with its change, the charts and a table; each number leads to its tickets."""
    scope = scope_of(request)
    dimension = request.GET.get("by", "")
    dimension = dimension if dimension in DIMENSIONS else "team"
    results = all_results(scope)
    backlog = next(result.now for result in results if result.kpi.key == "backlog")
    opening = charts.slots_of_opening(scope)
    context = {
        "tiles": [_tile(result) for result in results],
        "scope": scope,
        "volume": _volume(charts.volume(scope, opening, backlog.n)),
        "sla": _sla(scope),
        "ages": _ages(scope),
        "moods": _moods(charts.moods_by_week(scope)),
        "heat": _heat(charts.arrivals(scope, opening)),
        "table": _table(scope, dimension),
        "bar": filter_bar(scope, "insights", by=request.GET.get("by", "")),
        "period": period_menu(scope, "insights", by=request.GET.get("by", "")),
        "export_url": f"{reverse('insights-export')}?{scope.query(by=dimension)}",
        "signals_url": f"{reverse('insights-signals')}?{scope.query()}",
        "channels_url": f"{reverse('insights-channels')}?{scope.without('channel').query()}",
        "is_narrow": not request.viewer.can("insights.all_teams"),
        "zone": str(scope.period.zone),
        "data_headers": {
            "volume": [_("From"), _("New"), _("Resolved"), _("Backlog")],
            "sla": [_("Week from"), _("Solution"), _("n"), _("First reply"), _("n")],
            "moods": [_("Week from"), _("negative"), _("neutral"), _("positive")],
        },
    }
    return render(request, "insights/dashboard.html", context)


@page("insights.view")
@require_GET
def export(request: StaffRequest) -> HttpResponse:
    """The figures as CSV: in all, and per value of the dimension ``by``."""
    scope = scope_of(request)
    dimension = request.GET.get("by", "")
    period = scope.period
    name = f"insights-{period.first}-{period.last}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    writer = csv.writer(response)
    writer.writerow(
        ["kpi", "label", "unit", "clock", "from", "to", "by", "group", "name", "value", "p90", "mean", "n", "asked",
         "value_before", "n_before", "definition"]
    )  # fmt: skip
    for result in all_results(scope):
        writer.writerow(_csv_row(result.kpi, scope, result.now, before=result.before))
    if dimension in DIMENSIONS:
        chosen = kpis_in_order()
        for group in table_by(scope, dimension, chosen):
            for kpi in chosen:
                if (figure := group.figures[kpi.key]).value is not None:
                    writer.writerow(_csv_row(kpi, scope, figure, dimension=dimension, group=group))
    return response


def _csv_row(
    kpi: Kpi,
    scope: Scope,
    figure: Figure,
    *,
    before: Figure | None = None,
    dimension: str = "",
    group: Group | None = None,
) -> list[object]:
    row = [
        kpi.key, str(kpi.label), kpi.unit, kpi.clock, scope.period.first.isoformat(), scope.period.last.isoformat(),
        dimension, group.value if group else "", group.name if group else "",
        exact(figure.value), exact(figure.p90), exact(figure.mean), figure.n,
        "" if figure.asked is None else figure.asked,
        exact(before.value) if before else "", before.n if before else "", str(kpi.definition),
    ]  # fmt: skip
    return [plain_cell(cell) for cell in row]


def _tile(result: Result) -> dict[str, Any]:
    value, unit = value_and_unit(result.kpi, result.now)
    return {
        "key": result.kpi.key,
        "name": result.kpi.label,
        "value": value,
        "unit": unit,
        "url": result.url(),
        "change_text": change_in_words(result),
        "change_tone": result.verdict,
        "note": note_of(result),
        "definition": result.kpi.definition,
        "miss_url": result.url("miss" if result.kpi.good == "up" else "hit") if is_share(result.kpi) else "",
    }


def _volume(volume: charts.Volume) -> dict[str, Any]:
    busiest = max(volume.opened, default=0)
    rows = zip(volume.starts, volume.opened, volume.resolved, volume.backlog, strict=True)
    return {
        "opened": volume.opened,
        "resolved": volume.resolved,
        "backlog": volume.backlog,
        "labels": volume.labels,
        "is_weekly": volume.is_weekly,
        "finding": _(
            "New tickets and solutions; at most %(most)d new, %(new)d new and %(solved)d resolved in all."
        )
        % {"most": busiest, "new": sum(volume.opened), "solved": sum(volume.resolved)},
        "backlog_finding": _("Open tickets: %(first)d at the start, %(last)d at the end.")
        % {
            "first": volume.backlog[0] if volume.backlog else 0,
            "last": volume.backlog[-1] if volume.backlog else 0,
        },
        "rows": [
            [date_format(day, "j M Y"), opened, solved, waiting] for day, opened, solved, waiting in rows
        ],
        "last": volume.backlog[-1] if volume.backlog else 0,
    }


def _sla(scope: Scope) -> dict[str, Any]:
    """Both promises over twelve weeks; weeks in which nothing was decided are left out."""
    firsts = dict(charts.by_week("sla_first_response", scope))
    solutions = charts.by_week("sla_resolution", scope)
    decided = [(start, figure, firsts[start]) for start, figure in solutions if figure.value is not None]
    target = round((kpis.get("sla_resolution").target() or 0) * 100, 1)
    values = [round((figure.value or 0) * 100, 1) for _start, figure, _first in decided]
    seconds = [
        round((first.value if first.value is not None else figure.value or 0) * 100, 1)
        for _start, figure, first in decided
    ]
    return {
        "values": values,
        "seconds": seconds,
        "labels": [date_format(start, "j M") for start, _figure, _first in decided],
        "target": target,
        "finding": _("Promised solutions kept per week, last %(last)s %%, target %(target)s %%.")
        % {"last": plain(values[-1], 1) if values else "–", "target": plain(target, 1 if target % 1 else 0)},
        "rows": [
            [
                date_format(start, "j M Y"),
                percent(figure.value, 1),
                figure.n,
                percent(first.value, 1),
                first.n,
            ]
            for start, figure, first in decided
        ],
    }


def _ages(scope: Scope) -> list[dict[str, Any]]:
    groups = charts.ages_of_backlog(scope)
    most = max((group.count for group in groups), default=0) or 1
    return [
        {
            "label": _age_words(group),
            "count": group.count,
            "share": round(group.count / most * 100, 1),
            "old": group.low >= 7,
            "url": tickets_url(kpis.get("backlog"), scope, age=str(group.low)),
        }
        for group in groups
    ]


def _age_words(group: charts.AgeGroup) -> str:
    if group.high is None:
        return _("over %d days") % group.low
    return (
        _("under a day")
        if not group.low
        else _("%(low)d to %(high)d days") % {"low": group.low, "high": group.high}
    )


def _moods(weeks: Sequence[charts.WeekOfMoods]) -> dict[str, Any]:
    """Shares in per cent per week, negative at the bottom."""
    columns = [
        [week.counts[mood] / week.total * 100 if week.total else 0.0 for mood in charts.MOODS]
        for week in weeks
    ]
    last = next((week for week in reversed(weeks) if week.total), None)
    return {
        "columns": columns,
        "labels": [date_format(week.start, "j M") for week in weeks],
        "finding": _("Mood of customers' messages per week; last week %s negative.")
        % percent(last.counts["negative"] / last.total if last else None),
        "is_empty": last is None,
        "rows": [
            [date_format(week.start, "j M Y"), *(week.counts[mood] for mood in charts.MOODS)]
            for week in weeks
        ],
    }


def _heat(arrivals: charts.Arrivals) -> dict[str, Any]:
    days = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
    return {
        "hours": [f"{hour:02d}" for hour in arrivals.hours],
        "rows": [
            {"day": day, "cells": [_cell(mean, arrivals.most) for mean in means]}
            for day, means in zip(days, arrivals.means, strict=True)
        ],
    }


def _cell(mean: float, most: float) -> dict[str, Any]:
    if not mean:
        return {"text": "", "level": ""}
    level = min(4, 1 + int(mean / most * 3.999)) if most else 0
    return {"text": plain(mean, 0 if mean >= 9.5 else 1), "level": f"lv{level}"}


def _table(scope: Scope, dimension: str) -> dict[str, Any]:
    columns: list[Kpi] = [kpis.get(key) for key in COLUMNS]
    base = reverse("insights")
    targets = {kpi.key: kpi.target() for kpi in columns}
    return {
        "by": dimension,
        "label": DIMENSIONS[dimension],
        "tabs": [
            {
                "label": label,
                "url": f"{base}?{scope.query(by=key)}#by",
                "current": key == dimension,
                "count": None,
            }
            for key, label in DIMENSIONS.items()
        ],
        "columns": [{"label": kpi.label, "definition": kpi.definition} for kpi in columns],
        "rows": [
            {
                "name": group.name,
                "url": f"{base}?{scope.query(by=dimension, **{dimension: group.value})}",
                "cells": [table_cell(scope, dimension, group, kpi, targets[kpi.key]) for kpi in columns],
            }
            for group in table_by(scope, dimension, columns)
        ],
    }


def table_cell(scope: Scope, dimension: str, group: Group, kpi: Kpi, target: float | None) -> dict[str, Any]:
    """One cell of a table of figures: its words, the tickets behind it, whether it misses the target."""
    figure = group.figures[kpi.key]
    if figure.value is None and not (figure.asked or 0):
        return {"text": "", "url": "", "tone": "", "title": ""}
    below = target is not None and figure.value is not None and figure.value < target
    return {
        "text": in_words(kpi, figure),
        "url": tickets_url(kpi, scope, **{dimension: group.value}),
        "tone": "bad" if below else "",
        "title": note_of(Result(kpi, figure, Figure(None, 0), scope)),
    }
