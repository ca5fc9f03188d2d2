"""What the pages of insights share: the scope from the query string, the filter bar, the menu of periods."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from insights.figures import Scope, read_scope
from insights.periods import DEFAULT_DAYS, PRESETS, Period
from insights.report import choices_of
from insights.sources import DIMENSIONS
from people.requests import StaffRequest


def scope_of(request: StaffRequest) -> Scope:
    """Read the scope in the person's time zone; raises Http404 for what cannot be used."""
    try:
        return read_scope(request.viewer, request.GET.dict(), zone=timezone.get_current_timezone())
    except ValidationError as error:
        raise Http404(" ".join(error.messages)) from error


def filter_bar(scope: Scope, url_name: str, *args: str, **kept: str) -> dict[str, Any]:
    """Return what ``ui/filter_bar.html`` shows on a page, whose address may take ``args``; one query per dimension."""
    base = reverse(url_name, args=args)
    filters, addable = [], []
    for dimension, label in DIMENSIONS.items():
        choices = choices_of(dimension, scope)
        present = scope.filters.get(dimension, "")
        options = [
            {
                "label": name,
                "url": f"{base}?{scope.query(**kept, **{dimension: value})}",
                "selected": value == present,
            }
            for value, name in choices
        ]
        if present:
            filters.append(
                {
                    "label": label,
                    "value": dict(choices).get(present, present),
                    "remove_url": f"{base}?{scope.without(dimension).query(**kept)}",
                    "options": options,
                }
            )
        elif options:
            addable.append({"label": label, "options": options})
    cleared = Scope(scope.viewer, scope.period, {}, scope.asked)
    return {
        "filters": filters,
        "addable": addable,
        "clear_url": f"{base}?{cleared.query(**kept)}" if len(filters) > 1 else "",
    }


def period_menu(scope: Scope, url_name: str, *args: str, **kept: str) -> dict[str, Any]:
    """Return the label of the period and the links of the menu."""
    base = reverse(url_name, args=args)
    custom = bool(scope.asked.get("from") or scope.asked.get("to"))
    present = None if custom else int(scope.asked.get("period") or DEFAULT_DAYS)
    return {
        "label": period_words(scope.period),
        "options": [
            {
                "label": _("Last %d days") % days,
                "url": f"{base}?{scope.query(**{**kept, 'period': str(days), 'from': '', 'to': ''})}",
                "selected": days == present,
            }
            for days in PRESETS
        ],
        "first": scope.period.first.isoformat(),
        "last": scope.period.last.isoformat(),
        "kept": [(key, value) for key, value in {**scope.filters, **kept}.items() if value],
    }


def period_words(period: Period) -> str:
    """Return "29 Aug to 25 Sep"."""
    form = "j M" if period.first.year == period.last.year else "j M Y"
    return _("%(first)s to %(last)s") % {
        "first": date_format(period.first, form),
        "last": date_format(period.last, form),
    }
