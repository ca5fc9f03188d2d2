"""Tickets that were found: the section of the search page, its further pages, and the list pane of the inbox."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from core.pages.guard import page
from people.viewer import Viewer
from tickets.models import Status
from tickets.registry import channel_parts
from tickets.search import SORTS, FoundTicket, SearchPage, search_tickets
from tickets.selectors import CursorError

MOST_IN_PANE = 50


def section_context(viewer: Viewer, params: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``tickets/_search.html`` shows for a query string; an unknown order or category is the usual one."""
    text, sort, category = _read(params)
    result = search_tickets(viewer, text, sort=sort, category=category)
    return {
        **_rows(result, text, sort, category),
        "result": result,
        "sorts": [
            {"label": label, "url": _url("search", text, key, category), "current": key == sort}
            for key, label in SORTS.items()
        ],
        "tabs": _tabs(result, text, sort, category),
        "category": category,
        "exact_url": _url("search", f'"{text}"', sort, category),
        "suggestion_url": _url("search", result.suggestion, sort, ""),
    }


@page("tickets.view")
def found_tickets(request: HttpRequest) -> HttpResponse:
    """Answer "load more" with the next rows; 400 for a cursor or an order that is none of ours."""
    viewer = request.viewer  # type: ignore[attr-defined]
    text, _sort, category = _read(request.GET.dict())
    sort = request.GET.get("sort", "relevance")
    try:
        result = search_tickets(
            viewer, text, sort=sort, category=category, cursor=request.GET.get("cursor", "")
        )
    except (CursorError, LookupError):
        return HttpResponseBadRequest(_("This page of results cannot be read. Search again."))
    return render(
        request, "tickets/_search_rows.html", {"found": _rows(result, text, sort, category), "more": True}
    )


@page("tickets.view")
def search_pane(request: HttpRequest) -> HttpResponse:
    """Answer the search field of the inbox with rows for the list pane."""
    viewer = request.viewer  # type: ignore[attr-defined]
    text, _sort, _category = _read(request.GET.dict())
    result = search_tickets(viewer, text, limit=MOST_IN_PANE)
    context = {
        "found": _rows(result, text, "relevance", ""),
        "result": result,
        "all_url": _url("search", text, "relevance", ""),
    }
    return render(request, "tickets/_search_pane.html", context)


def _read(params: Mapping[str, str]) -> tuple[str, str, str]:
    text = params.get("q", "").replace("\x00", "").strip()
    sort = params.get("sort", "")
    category = params.get("category", "")
    return (
        text,
        sort if sort in SORTS else "relevance",
        category if category in Status.Category.values else "",
    )


def _rows(result: SearchPage, text: str, sort: str, category: str) -> dict[str, Any]:
    next_url = ""
    if result.next_cursor:
        next_url = _url("search-tickets", text, sort, category, cursor=result.next_cursor)
    return {"rows": [_row(one) for one in result.tickets], "next_url": next_url, "target": "#found-tickets"}


def _row(one: FoundTicket) -> dict[str, Any]:
    icon, label = channel_parts(one.row.channel)
    return {
        "id": one.row.id,
        "url": one.url,
        "number": one.row.number,
        "name": one.row.subject,
        "subject": one.subject,
        "text": one.text,
        "who": one.row.contact,
        "account": one.row.account,
        "assignee": one.row.assignee,
        "team": one.row.team,
        "category": one.row.status_category,
        "status": Status.Category(one.row.status_category).label,
        "is_note": one.is_note,
        "at": one.at,
        "channel_icon": icon,
        "channel_label": label,
        "priority": one.row.priority,
    }


def _tabs(result: SearchPage, text: str, sort: str, category: str) -> list[dict[str, Any]]:
    """One tab per category of status that occurs."""
    tabs = [
        {
            "label": _("All"),
            "url": _url("search", text, sort, ""),
            "current": not category,
            "count": sum(result.counts.values()),
        }
    ]
    return tabs + [
        {
            "label": Status.Category(key).label,
            "url": _url("search", text, sort, key),
            "current": key == category,
            "count": count,
        }
        for key, count in result.counts.items()
    ]


def _url(name: str, text: str, sort: str, category: str, **more: str) -> str:
    asked = {"q": text, "sort": "" if sort == "relevance" else sort, "category": category, **more}
    return f"{reverse(name)}?{urlencode({key: value for key, value in asked.items() if value})}"
