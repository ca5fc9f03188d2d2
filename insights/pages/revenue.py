"""Success metrics as a page: figures with their definitions, twelve months, the bridge, tables, files; closed months."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from openpyxl import Workbook

from core.formatting import MISSING, money, percent, plain, signed
from core.pages.forms import done, refused
from customers.models import Account
from customers.restatements import restated_months
from customers.services.close_month import close_month, next_month_to_close
from insights.revenue import (
    DIMENSIONS,
    GRAINS,
    RevenueReport,
    RevenueScope,
    months_to_choose,
    read_scope,
)
from insights.revenue_words import AMOUNTS, BRIDGE, TILES, FigureWord
from insights.wording import plain_cell
from people.models import User
from people.requests import StaffRequest, page

URL = "insights-revenue"
COLUMNS = (
    "arr_end", "nrr", "grr", "expansion_rate", "revenue_churn", "contraction_rate", "logo_churn", "renewal_rate", "customers",
)  # fmt: skip
SHOWN = 200
FORMS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@page("customers.view")
@require_GET
def revenue(request: StaffRequest) -> HttpResponse:
    """Show the figures of twelve months."""
    scope, by = _scope(request), _by(request)
    report = RevenueReport(scope)
    words = {word.key: word for word in TILES}
    context = {
        "scope": scope,
        "report": report,
        "month": date_format(scope.end, "F Y"),
        "start": scope.start,
        "tiles": [_tile(report, word) for word in TILES],
        "chart": _chart(report),
        "bridge": _bridge(report),
        "left_out": ", ".join(f"{currency} ({n})" for currency, n in report.book.left_out.items()),
        "rates": ", ".join(
            f"{name} {rate.normalize():f}" for name, rate in sorted(report.rates.rates.items())
        ),
        "base": report.rates.base,
        "table": _table(report, by, words),
        "menus": _menus(scope, by),
        "months_url": reverse("insights-revenue-months"),
        "export_urls": [
            (form, f"{reverse('insights-revenue-export', args=[form])}?{scope.query(by=by)}")
            for form in ("csv", "xlsx")
        ],
    }
    return render(request, "insights/revenue.html", context)


@page("customers.view")
@require_GET
def accounts(request: StaffRequest) -> HttpResponse:
    """Show the accounts behind an amount; they sum to it."""
    scope = _scope(request)
    report, figure = RevenueReport(scope), request.GET.get("figure", "")
    try:
        rows, total = report.behind(figure)
    except ValidationError as error:
        raise Http404(" ".join(error.messages)) from error
    context = {
        "label": AMOUNTS[figure],
        "month": date_format(scope.end, "F Y"),
        "rows": rows[:SHOWN],
        "count": len(rows),
        "more": max(0, len(rows) - SHOWN),
        "total": money(total, report.rates.base, full=True),
        "exact": total,
        "base": report.rates.base,
        "by_product": scope.grain == "product",
        "back_url": f"{reverse(URL)}?{scope.query()}",
        "close": report.close,
    }
    return render(request, "insights/revenue_accounts.html", context)


@page("customers.view")
@require_GET
def export(request: StaffRequest, form: str) -> HttpResponse:
    """The figures as CSV or Excel: each month, then each value of the dimension ``by``."""
    if form not in FORMS:
        raise Http404(_("There is no such form of export."))
    scope, by = _scope(request), _by(request)
    rows = list(export_rows(RevenueReport(scope), by))
    name = f"revenue-{scope.month}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if form == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([plain_cell(cell) for cell in row] for row in rows)
        return HttpResponse(text.getvalue().encode("utf-8-sig"), content_type=FORMS[form], headers=headers)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Revenue")
    for row in rows:
        sheet.append([plain_cell(cell) for cell in row])
    content = io.BytesIO()
    book.save(content)
    return HttpResponse(content.getvalue(), content_type=FORMS[form], headers=headers)


def export_rows(report: RevenueReport, by: str) -> list[list[Any]]:
    """Return the lines of a file: a figure of a month or of a group each, amounts and shares as they are told."""
    rows: list[list[Any]] = [
        ["end_on", "by", "group", "figure", "label", "unit", "currency", "value", "definition"]
    ]
    units = {word.key: word for word in TILES}
    labels = {**{word.key: word.label for word in TILES}, **AMOUNTS}

    def lines(figures: dict[str, Any], group: tuple[str, str]) -> None:
        for key, value in figures.items():
            if key in ("start_on", "end_on"):
                continue
            word = units.get(key)
            unit = word.unit if word else "money" if key in AMOUNTS else "count"
            currency = report.rates.base if unit == "money" else ""
            told = str(word.definition) if word else ""
            rows.append(
                [
                    figures["end_on"],
                    *group,
                    key,
                    str(labels.get(key, key)),
                    unit,
                    currency,
                    "" if value is None else value,
                    told,
                ]
            )

    for figures in reversed(report.series):
        lines(figures, ("", ""))
    for _value, name, figures in report.groups(by):
        lines(figures, (by, name))
    return rows


class CloseForm(forms.Form):
    """Which month is closed."""

    month = forms.DateField()


@page("customers.view")
def months(request: StaffRequest) -> HttpResponse:
    """The log of closed months: what each said, what it would say now, and why; closing the next one."""
    url = reverse("insights-revenue-months")
    if request.method == "POST":
        request.viewer.require("customers.close_months")
        form = CloseForm(request.POST)
        try:
            if not form.is_valid():
                raise ValidationError({"month": _("Give a month like 2026-03.")})
            closed = close_month(month=form.cleaned_data["month"], by=request.viewer)
        except ValidationError as error:
            return refused(request, error, url)
        return done(request, _("%s is closed.") % date_format(closed.month, "F Y"), url)
    following = next_month_to_close(timezone.now().date())
    context = {
        "months": [_restated(one) for one in restated_months()],
        "next": following if request.viewer.can("customers.close_months") else None,
        "back_url": reverse(URL),
    }
    return render(request, "insights/revenue_months.html", context)


def _restated(one: Any) -> dict[str, Any]:
    words = {**AMOUNTS, **{word.key: word.label for word in TILES}}
    units = {word.key: word for word in TILES}
    base = one.close.base_currency

    def told(key: str, value: Any) -> str:
        return in_words(units.get(key) or FigureWord(key, "", "money", ""), value, base)

    return {
        "close": one.close,
        "month": date_format(one.close.month, "F Y"),
        "figures": [(words[key], told(key, one.was[key])) for key in ("arr_end", "nrr", "grr")],
        "changed": [
            (words.get(key, key), told(key, was), told(key, now))
            for key, (was, now) in one.changed.items()
            if key in words
        ],
        "rows": one.rows,
        "more": one.more,
        "url": f"{reverse(URL)}?month={one.close.month:%Y-%m}",
    }


def in_words(word: FigureWord, value: Any, base: str) -> str:
    """Return a told figure as people read it."""
    if value is None:
        return MISSING
    if word.unit == "share":
        return percent(Decimal(value), 1)
    if word.unit == "ratio":
        return plain(Decimal(value), 2)
    return money(Decimal(value), base, full=True) if word.unit == "money" else plain(int(value))


def _scope(request: StaffRequest) -> RevenueScope:
    try:
        scope = read_scope(request.viewer, request.GET.dict())
    except ValidationError as error:
        raise Http404(" ".join(error.messages)) from error
    if _by(request) == "product" and scope.grain != "product":
        return RevenueScope(scope.viewer, scope.end, scope.tier, scope.csm, "product", scope.today)
    return scope


def _by(request: StaffRequest) -> str:
    by = request.GET.get("by", "")
    return by if by in DIMENSIONS else "tier"


def _tile(report: RevenueReport, word: FigureWord) -> dict[str, Any]:
    value, before = report.figures.get(word.key), report.series[-2].get(word.key)
    text = in_words(word, value, report.rates.base)
    unit = ""
    if word.unit == "share" and value is not None:
        text, unit = plain(Decimal(value) * 100, 1), "%"
    elif word.unit == "money" and value is not None:
        text = money(Decimal(value), report.rates.base)
    change, tone = "", ""
    if value is not None and before is not None:
        more = Decimal(value) - Decimal(before)
        change = {
            "share": lambda: signed(more * 100, 1, "\u00a0pp"),
            "money": lambda: ("+" if more > 0 else "") + money(more, report.rates.base),
        }.get(word.unit, lambda: signed(more, 2 if word.unit == "ratio" else 0))()
        if more and word.good:
            tone = "up" if (more > 0) is (word.good == "up") else "down"
    scope = report.scope
    return {
        "name": word.label,
        "value": text,
        "unit": unit,
        "url": f"{reverse('insights-revenue-accounts')}?{scope.query(figure=word.behind)}"
        if word.behind
        else "",
        "change_text": change,
        "change_tone": tone,
        "note": _("on the month before") if change else "",
        "definition": word.definition,
    }


def _chart(report: RevenueReport) -> dict[str, Any]:
    known = [one for one in report.series if one["nrr"] is not None]
    days = [date.fromisoformat(one["end_on"]) for one in known]
    nrr = [float(Decimal(one["nrr"]) * 100) for one in known]
    grr = [float(Decimal(one["grr"]) * 100) for one in known]
    return {
        "nrr": [round(value, 1) for value in nrr],
        "grr": [round(value, 1) for value in grr],
        "arr": [round(float(one["arr_end"]) / 1000, 1) for one in report.series],
        "labels": [date_format(day, "M") for day in days],
        "arr_labels": [date_format(date.fromisoformat(one["end_on"]), "M") for one in report.series],
        "finding": _("NRR and GRR of the twelve months up to each month; last %(nrr)s and %(grr)s %%.")
        % {"nrr": plain(nrr[-1], 1) if nrr else MISSING, "grr": plain(grr[-1], 1) if grr else MISSING},
        "arr_finding": _("ARR at the end of each month, last %s.")
        % money(Decimal(report.figures["arr_end"]), report.rates.base),
        "headers": [
            _("Month"),
            _("NRR"),
            _("GRR"),
            _("Revenue churn"),
            _("Expansion"),
            _("ARR"),
            _("Customers"),
        ],
        "rows": [
            [
                date_format(date.fromisoformat(one["end_on"]), "M Y"),
                *(
                    percent(None if one[key] is None else Decimal(one[key]), 1)
                    for key in ("nrr", "grr", "revenue_churn", "expansion_rate")
                ),
                money(Decimal(one["arr_end"]), report.rates.base, full=True),
                one["customers"],
            ]
            for one in reversed(report.series)
        ],
    }


def _bridge(report: RevenueReport) -> list[dict[str, Any]]:
    """Lines of the bridge with bars: where each begins and how long it is, in per cent of the highest level."""
    figures = report.figures
    amounts = [(key, label, Decimal(figures[key])) for key, label in BRIDGE]
    amounts = [one for one in amounts if one[2] or one[0] in ("arr_start", "arr_end")]
    level, spans = Decimal(0), []
    for key, label, amount in amounts:
        low = Decimal(0) if key == "arr_end" else min(level, level + amount)
        high = amount if key == "arr_end" else max(level, level + amount)
        level = amount if key == "arr_end" else level + amount
        spans.append((key, label, amount, low, high))
    top = max((high for *_rest, high in spans), default=Decimal(0)) or Decimal(1)
    return [
        {
            "label": label,
            "amount": money(amount, report.rates.base, full=True),
            "sign": "+" if amount > 0 and key.startswith("bridge_") else "",
            "tone": "bad" if amount < 0 else "",
            "css": "c1" if not key.startswith("bridge_") else "f-bad" if amount < 0 else "f-good",
            "x": round(float(max(low, Decimal(0)) / top * 100), 2),
            "width": round(float((high - low) / top * 100), 2),
            "url": f"{reverse('insights-revenue-accounts')}?{report.scope.query(figure=key)}",
        }
        for key, label, amount, low, high in spans
    ]


def _table(report: RevenueReport, by: str, words: dict[str, FigureWord]) -> dict[str, Any]:
    scope = report.scope
    base = reverse(URL)
    return {
        "label": DIMENSIONS[by],
        "tabs": [
            {"label": label, "url": f"{base}?{scope.query(by=key)}#by", "current": key == by}
            for key, label in DIMENSIONS.items()
        ],
        "columns": [words[key] for key in COLUMNS],
        "rows": [
            {
                "name": name,
                "url": "" if by == "product" else f"{base}?{scope.query(**{by: value or 'none', 'by': by})}",
                "cells": [in_words(words[key], figures.get(key), report.rates.base) for key in COLUMNS],
            }
            for value, name, figures in report.groups(by)
        ],
    }


def _menus(scope: RevenueScope, by: str) -> list[dict[str, Any]]:
    base = reverse(URL)

    def menu(name: str, label: str, options: list[tuple[str, str]], present: str) -> dict[str, Any]:
        return {
            "label": label,
            "options": [
                {
                    "label": text,
                    "url": f"{base}?{scope.query(**{name: value, 'by': by})}",
                    "selected": value == present,
                }
                for value, text in options
            ],
        }

    people = [
        (str(one.pk), one.name)
        for one in User.objects.filter(pk__in=Account.objects.values("csm_id")).order_by("name")
    ]
    csm = dict(people).get(scope.csm, _("nobody") if scope.csm == "none" else _("All CSMs"))
    tiers = [(str(value), str(text)) for value, text in Account.Tier.choices]
    months = [
        (month, date_format(date.fromisoformat(f"{month}-01"), "F Y")) for month in months_to_choose(scope)
    ]
    return [
        menu("tier", dict(tiers).get(scope.tier, _("All tiers")), [("", _("All tiers")), *tiers], scope.tier),
        menu("csm", csm, [("", _("All CSMs")), *people, ("none", _("nobody"))], scope.csm),
        menu(
            "grain", str(GRAINS[scope.grain]), [(key, str(text)) for key, text in GRAINS.items()], scope.grain
        ),
        menu("month", date_format(scope.end, "F Y"), months, scope.month),
    ]
