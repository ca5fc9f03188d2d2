"""The inbox: views with counts, the list and how it follows the live feed."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from people.models import Team, User
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.category_tree import category_path, sorted_by_path
from tickets.conditions import in_words
from tickets.list_views import DEFAULT_VIEW, ListView, view_of
from tickets.models import Category, Status, Ticket
from tickets.pages.condition_form import builder
from tickets.pages.lists import (
    FILTER_LABELS,
    TABLE,
    ListState,
    current_view,
    list_state,
    refused_filters,
    row_parts,
    shows_assignee,
    view_groups,
)
from tickets.pages.tables import table_page, table_rows_of
from tickets.registry import channel_parts
from tickets.selectors import (
    FILTERS,
    SORTS,
    WHERE,
    CursorError,
    InboxView,
    active_inboxes,
    ids_in_view,
    inbox_views,
    read_where,
    rows_of,
    ticket_list,
    visible_tickets,
)
from tickets.services.assign_ticket import WORKING_ROLES
from tickets.services.count_views import counters_are_behind
from tickets.services.save_view import may_change_view
from tickets.status_rows import statuses

# Ids of one live update: more than fit on a screen, fewer than a URL holds.
MOST_IDS = 200
_EMPTY = {
    "mine": gettext_lazy(
        "No open ticket is yours. Take one from another view, or wait: new ones appear by themselves."
    ),
    "unassigned": gettext_lazy("Every open ticket has somebody who works on it."),
    "triage": gettext_lazy("The classifier was sure about every open ticket."),
    "breaching": gettext_lazy("No promise is in danger within the next hour."),
    "waiting": gettext_lazy("No customer owes an answer."),
    "promised": gettext_lazy("Nothing that we promised a customer with a day is open."),
    "leaving": gettext_lazy("No customer of an open ticket says that they leave."),
    "snoozed": gettext_lazy(
        "Nothing is put aside. Z puts a ticket aside until a time or the customer's answer."
    ),
    "open": gettext_lazy("Every ticket is resolved."),
    "resolved": gettext_lazy("No ticket has been resolved."),
}


@page("tickets.view")
@require_GET
def inbox(request: StaffRequest) -> HttpResponse:
    """The inbox without an open ticket, or its list as a table (``layout=table``)."""
    state = list_state(request, request.viewer)
    template = "tickets/inbox_table.html" if state.is_table else "tickets/inbox.html"
    return render(request, template, list_parts(request, state))


def list_parts(request: StaffRequest, state: ListState, selected: int | None = None) -> dict[str, Any]:
    """Variables of the two left panes; raises Http404 for a view that the viewer does not have."""
    viewer = request.viewer
    views, current, rule = current_view(viewer, state)
    refusal = ""
    shown: dict[str, Any]
    try:
        shown = _first_rows(viewer, state, rule, selected)
    except ValidationError as error:
        shown, refusal = {"rows": [], "next_url": ""}, refused_filters(error)
    return {
        **shown,
        **_views_parts(views, state),
        "state": state,
        "view": current,
        "rule": rule,
        "show_assignee": shows_assignee(state),
        "sorts": [(key, label, state.sorted_by(key).url) for key, label in SORTS.items()],
        "sort_label": SORTS[state.sort],
        "filters": _set_filters(state),
        "refusal": refusal,
        "can_edit": viewer.can("tickets.edit"),
        "can_bulk": viewer.can("tickets.edit") or viewer.can("tickets.note"),
        "can_assign": viewer.can("tickets.assign"),
        "bulk_statuses": [one for one in statuses() if one.category != Status.Category.NEW and one.is_active],
        "bulk_priorities": Ticket.Priority.choices[::-1],
        "clear_url": replace(state, filters={}).url,
        "pane_url": replace(state, layout="").url,
        "table_url": replace(state, layout=TABLE).url,
        "may_change_view": rule.saved is not None and may_change_view(rule.saved, viewer),
        "may_connect": viewer.can("settings.manage"),
        "may_create": viewer.can("tickets.create"),
        "empty_text": _EMPTY.get(state.view, _("No ticket is in this view.")),
        "changes_url": f"{reverse('inbox-changes')}?{state.query}",
        "is_first_use": not shown["rows"]
        and current.key == "open"
        and not state.filters
        and _is_first_use(viewer),
    }


def _first_rows(
    viewer: Viewer, state: ListState, rule: ListView, selected: int | None = None, cursor: str = ""
) -> dict[str, Any]:
    """The rows of a page of the list, as a pane or a table, and where the next page is."""
    if state.is_table:
        parts, next_cursor = table_page(viewer, state, rule, cursor)
        return {**parts, "next_url": _more_url(state, next_cursor)}
    found = ticket_list(viewer, view=rule, sort=state.sort, filters=state.filters, cursor=cursor)
    rows = [row_parts(row, state, selected=selected) for row in found.rows]
    return {"rows": rows, "next_url": _more_url(state, found.next_cursor)}


def _rows_of(viewer: Viewer, state: ListState, rule: ListView, ids: Collection[int]) -> dict[str, Any]:
    """Rows of the list by ticket, ``by_id`` without order, with what draws them."""
    if state.is_table:
        parts = table_rows_of(viewer, state, rule, ids)
        return {**parts, "by_id": {row["id"]: row for row in parts["rows"]}}
    return {"by_id": {row.id: row_parts(row, state) for row in rows_of(viewer, ids)}}


def _marked(row: dict[str, Any], state: ListState, *, gone: bool) -> dict[str, Any]:
    """A row that has left its view keeps its place and says so."""
    return row | {"gone": True, "tag": row["went"]} if gone else row


def _views_parts(views: list[InboxView], state: ListState) -> dict[str, Any]:
    """Variables of ``tickets/_views.html``."""
    return {
        "view_groups": view_groups(views, state),
        "own_count": next(view.count for view in views if view.key == DEFAULT_VIEW),
        "counted_at": next((view.counted_at for view in views), None),
    }


def _is_first_use(viewer: Viewer) -> bool:
    return not visible_tickets(viewer).exists()


def _more_url(state: ListState, cursor: str) -> str:
    return f"{reverse('inbox-rows')}?{state.query}&cursor={cursor}" if cursor else ""


def _set_filters(state: ListState) -> list[dict[str, Any]]:
    """The filters in force, each with the link that takes it away."""
    shown = []
    for name, value in state.filters.items():
        left = {other: kept for other, kept in state.filters.items() if other != name}
        shown.append(
            {
                "label": FILTER_LABELS.get(name, name),
                "value": _filter_words(name, value),
                "remove_url": replace(state, filters=left).url,
            }
        )
    return shown


def _filter_words(name: str, value: str) -> str:
    """The value of a filter as people read it; at most one query."""
    if name == WHERE:
        return _where_words(value)
    if value == "none":
        return _("none")
    if name == "priority":
        return str(dict(Ticket.Priority.choices).get(value, value))
    if name == "channel":
        return channel_parts(value)[1]
    if name == "status":
        return next((str(one) for one in statuses() if one.key == value), value)
    if name == "category" and value.isdecimal():
        return category_path(int(value)) or value
    models: dict[str, type[User] | type[Team]] = {"assignee": User, "team": Team}
    if name in models and value.isdecimal():
        return str(models[name]._default_manager.filter(pk=int(value)).first() or value)
    return value


def _where_words(value: str) -> str:
    try:
        return in_words(read_where(value))
    except ValidationError:
        return _("a condition that cannot be read")


@page("tickets.view")
@require_GET
def views(request: StaffRequest) -> HttpResponse:
    """The views with their counts as they are now."""
    state = list_state(request, request.viewer)
    found = inbox_views(request.viewer)
    counts = {view.key: view.count for view in found}
    parts = _views_parts(found, state) | {
        "state": state,
        # the number beside the name of the list; a filtered list shows none
        "count": None if state.filters else counts.get(state.view),
        # an act is shown before its counters are: the part asks once more while they are behind
        "is_behind": "again" not in request.GET and counters_are_behind(),
    }
    return render(request, "tickets/_views.html", parts)


def _rule(viewer: Viewer, state: ListState) -> ListView:
    try:
        return view_of(viewer, state.view)
    except LookupError:
        raise Http404(_("There is no such list.")) from None


@page("tickets.view")
@require_GET
def rows(request: StaffRequest) -> HttpResponse:
    """The next rows of a list (``cursor``), the arrivals that waited behind the bar (``ids``), or the list from its start."""
    state = list_state(request, request.viewer)
    rule = _rule(request.viewer, state)
    parts: dict[str, Any] = {"state": state, "show_assignee": shows_assignee(state)}
    try:
        if "ids" in request.GET:
            wanted = _ids(request, "ids")
            order = ids_in_view(request.viewer, wanted, view=rule, sort=state.sort, filters=state.filters)
            parts |= _rows_of(request.viewer, state, rule, order)
            parts["rows"] = [parts["by_id"][one] for one in order if one in parts["by_id"]]
        else:
            cursor = request.GET.get("cursor", "")
            parts |= _first_rows(request.viewer, state, rule, cursor=cursor) | {"with_more": True}
    except (LookupError, CursorError, ValidationError):
        raise Http404(_("There is no such list.")) from None
    if "cursor" not in request.GET:
        parts["arrivals"] = arrivals_bar(state, [])
    return render(request, "tickets/_rows.html", parts)


@page("tickets.view")
@require_GET
def changes(request: StaffRequest) -> HttpResponse:
    """What the live feed has touched: rows on display (``shown``) as they are now, and the bar for those that are not.

    ``waiting`` are the ids heard of that are not on display, ``before`` the cursor at the end of what is.
    """
    state = list_state(request, request.viewer)
    rule = _rule(request.viewer, state)
    shown, waiting = _ids(request, "shown"), _ids(request, "waiting")
    asked: dict[str, Any] = {"view": rule, "sort": state.sort, "filters": state.filters}
    try:
        in_view = set(ids_in_view(request.viewer, shown, **asked))
        arrived = ids_in_view(request.viewer, waiting, before=request.GET.get("before", ""), **asked)
    except (LookupError, CursorError, ValidationError):
        raise Http404(_("There is no such list.")) from None
    parts = changed_parts(request.viewer, state, rule, shown, in_view, more=arrived[:1])
    first = parts["by_id"].get(arrived[0]) if arrived else None
    parts["arrivals"] = arrivals_bar(state, arrived, "" if first is None else first["subject"])
    return render(request, "tickets/_changes.html", parts)


def changed_parts(
    viewer: Viewer,
    state: ListState,
    rule: ListView,
    ids: Sequence[int],
    in_view: Collection[int],
    more: Sequence[int] = (),
) -> dict[str, Any]:
    """Variables of ``tickets/_changed_rows.html``: rows on display as they are now; those out of view keep their place."""
    parts = _rows_of(viewer, state, rule, {*ids, *more})
    visible = parts["by_id"]
    return parts | {
        "rows": [_marked(visible[one], state, gone=one not in in_view) for one in ids if one in visible],
        "lost": [one for one in ids if one not in visible],
        "show_assignee": shows_assignee(state),
        "state": state,
        "oob": True,
    }


def arrivals_bar(state: ListState, ids: list[int], subject: str = "") -> dict[str, Any]:
    """The bar behind which arrivals wait; one alone is named."""
    joined = ",".join(map(str, ids))
    return {
        "count": len(ids),
        "ids": joined,
        "subject": subject if len(ids) == 1 else "",
        "url": f"{reverse('inbox-rows')}?{state.query}&ids={joined}",
    }


def _ids(request: HttpRequest, name: str) -> list[int]:
    """The ids of a comma list, at most MOST_IDS; what is no id is left out."""
    listed = request.GET.get(name, "").split(",")
    return [int(one) for one in listed if one.isascii() and one.isdigit() and len(one) < 18][:MOST_IDS]


@page("tickets.view")
@require_GET
def filter_form(request: StaffRequest) -> HttpResponse:
    """The menu of filters, with what can be chosen."""
    state = list_state(request, request.viewer)
    people = User.objects.filter(is_active=True, role__in=WORKING_ROLES)
    options: dict[str, list[tuple[str, str]]] = {
        "priority": [(value, str(label)) for value, label in Ticket.Priority.choices[::-1]],
        "channel": [
            (key, channel_parts(key)[1])
            for key in sorted(
                {"email", "phone", "chat", "web", "api", *active_inboxes().values_list("channel", flat=True)}
            )
        ],
        "sentiment": [("negative", _("Negative")), ("neutral", _("Neutral")), ("positive", _("Positive"))],
        "assignee": [("none", _("nobody")), *((str(one.pk), str(one)) for one in people)],
        "team": [
            ("none", _("none")),
            *((str(one.pk), one.name) for one in Team.objects.filter(is_active=True)),
        ],
        "category": [
            ("none", _("none")),
            *(
                (str(one.pk), category_path(one.pk))
                for one in sorted_by_path(list(Category.objects.filter(is_active=True)))
            ),
        ],
    }
    fields = [
        {"name": name, "label": FILTER_LABELS[name], "options": choices, "value": state.filters.get(name, "")}
        for name, choices in options.items()
        if name in FILTERS
    ]
    try:
        where = read_where(state.filters.get(WHERE, ""))
    except ValidationError:
        where = {}
    parts = {"fields": fields, "state": state, "builder": builder(where, WHERE)}
    return render(request, "tickets/_filters.html", parts)


def person(chosen: str) -> User | None:
    """The person a form names by id, None for the empty choice; raises Http404 for somebody unknown."""
    if not chosen:
        return None
    found = User.objects.filter(pk=int(chosen)).first() if chosen.isascii() and chosen.isdigit() else None
    if found is None:
        raise Http404(_("There is no such person."))
    return found
