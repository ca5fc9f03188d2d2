"""The list of exactly the tickets behind a number."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import plain
from insights.behind import LAST_PAGE, PAGE_SIZE, Behind, page_of, read_behind
from insights.figures import Scope, figure
from insights.pages.filters import filter_bar, period_words, scope_of
from insights.report import is_share, tickets_url
from insights.wording import in_words
from people.requests import StaffRequest, page


@page("insights.view")
@require_GET
def tickets(request: StaffRequest) -> HttpResponse:
    """Show the rows page by page, with the figure, its definition and the parts of a share."""
    scope = scope_of(request)
    try:
        behind = read_behind(request.GET.dict())
    except ValidationError as error:
        raise Http404(" ".join(error.messages)) from error
    number = request.GET.get("page", "1")
    place = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    place = max(1, min(place, LAST_PAGE))
    lines, total = page_of(behind, scope, place)
    kept = _kept(behind)
    context = {
        "kpi": behind.kpi,
        "lines": lines,
        "total": total,
        "total_text": plain(total),
        "value": in_words(behind.kpi, figure(behind.kpi, scope)),
        "period": period_words(scope.period),
        "tabs": _tabs(behind, scope),
        "bar": filter_bar(scope, "insights-tickets", **kept),
        "back_url": f"{reverse('insights')}?{scope.query()}",
        "next_url": _page_url(behind, scope, place + 1) if place * PAGE_SIZE < total else "",
        "previous_url": _page_url(behind, scope, place - 1) if place > 1 else "",
        "first_shown": (place - 1) * PAGE_SIZE + 1 if lines else 0,
        "last_shown": (place - 1) * PAGE_SIZE + len(lines),
    }
    return render(request, "insights/tickets.html", context)


def _kept(behind: Behind) -> dict[str, str]:
    part = "" if behind.part == "all" else behind.part
    return {"kpi": behind.kpi.key, "part": part, "age": "" if behind.age is None else str(behind.age)}


def _page_url(behind: Behind, scope: Scope, number: int) -> str:
    kept = _kept(behind)
    return f"{reverse('insights-tickets')}?{scope.query(**kept, page='' if number < 2 else str(number))}"


def _tabs(behind: Behind, scope: Scope) -> list[dict[str, Any]]:
    """All, hits, misses of a share."""
    if not is_share(behind.kpi):
        return []
    parts = [("all", _("All")), ("hit", behind.kpi.hit_label), ("miss", behind.kpi.miss_label)]
    return [
        {
            "label": str(label)[:1].upper() + str(label)[1:],
            "url": tickets_url(behind.kpi, scope, part=part),
            "current": part == behind.part,
            "count": None,
        }
        for part, label in parts
    ]
