"""The inbox: views with counts, the list and how it follows the live feed, bulk acts."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from people.models import Team, User
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.models import Category, Status, Ticket
from tickets.pages.answers import reason, with_toast
from tickets.pages.lists import (
    FILTER_LABELS,
    ListState,
    channel_parts,
    current_view,
    list_state,
    refused_filters,
    row_parts,
    shows_assignee,
    view_groups,
)
from tickets.selectors import (
    DEFAULT_VIEW,
    FILTERS,
    SORTS,
    CursorError,
    TicketPage,
    active_inboxes,
    ids_in_view,
    inbox_views,
    rows_of,
    statuses,
    ticket_list,
    visible_tickets,
)
from tickets.services.assign_ticket import WORKING_ROLES, assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status

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
    "snoozed": gettext_lazy("Nothing is put aside. Z puts a ticket aside until a time or the customer's answer."),
    "open": gettext_lazy("Every ticket is resolved."),
    "resolved": gettext_lazy("No ticket has been resolved."),
}


@page("tickets.view")
@require_GET
def inbox(request: StaffRequest) -> HttpResponse:
    """The inbox without an open ticket."""
    return render(request, "tickets/inbox.html", list_parts(request, list_state(request, request.viewer)))


def list_parts(request: StaffRequest, state: ListState, selected: int | None = None) -> dict[str, Any]:
    """Variables of the two left panes; raises Http404 for a view that the viewer does not have."""
    viewer = request.viewer
    views, current = current_view(viewer, state)
    refusal = ""
    try:
        found = ticket_list(viewer, view=state.view, sort=state.sort, filters=state.filters)
    except ValidationError as error:
        found, refusal = TicketPage((), ""), refused_filters(error)
    return {
        "state": state,
        "view": current,
        "view_groups": view_groups(views, state),
        "own_count": next(view.count for view in views if view.key == DEFAULT_VIEW),
        "rows": [row_parts(row, state, selected=selected) for row in found.rows],
        "show_assignee": shows_assignee(state),
        "next_url": _more_url(state, found),
        "sorts": [(key, label, state.sorted_by(key).url) for key, label in SORTS.items()],
        "sort_label": SORTS[state.sort],
        "filters": _set_filters(state),
        "refusal": refusal,
        "can_edit": viewer.can("tickets.edit"),
        "can_assign": viewer.can("tickets.assign"),
        "bulk_statuses": [one for one in statuses() if one.category != Status.Category.NEW],
        "clear_url": ListState(state.view, state.sort).url,
        "may_connect": viewer.can("settings.manage"),
        "may_create": viewer.can("tickets.create"),
        "empty_text": _EMPTY.get(state.view, _("No ticket is in this view.")),
        "changes_url": f"{reverse('inbox-changes')}?{state.query}",
        "is_first_use": not found.rows
        and current.key == "open"
        and not state.filters
        and _is_first_use(viewer),
    }


def _is_first_use(viewer: Viewer) -> bool:
    return not visible_tickets(viewer).exists()


def _more_url(state: ListState, found: TicketPage) -> str:
    return f"{reverse('inbox-rows')}?{state.query}&cursor={found.next_cursor}" if found.next_cursor else ""


def _set_filters(state: ListState) -> list[dict[str, Any]]:
    """The filters in force, each with the link that takes it away."""
    shown = []
    for name, value in state.filters.items():
        left = {other: kept for other, kept in state.filters.items() if other != name}
        shown.append(
            {
                "label": FILTER_LABELS.get(name, name),
                "value": _filter_words(name, value),
                "remove_url": ListState(state.view, state.sort, left).url,
            }
        )
    return shown


def _filter_words(name: str, value: str) -> str:
    """The value of a filter as people read it; at most one query."""
    if value == "none":
        return _("none")
    if name == "priority":
        return str(dict(Ticket.Priority.choices).get(value, value))
    if name == "channel":
        return channel_parts(value)[1]
    if name == "status":
        return next((str(one) for one in statuses() if one.key == value), value)
    models: dict[str, type[User] | type[Team] | type[Category]] = {
        "assignee": User,
        "team": Team,
        "category": Category,
    }
    if name in models and value.isdecimal():
        return str(models[name]._default_manager.filter(pk=int(value)).first() or value)
    return value


@page("tickets.view")
@require_GET
def views(request: StaffRequest) -> HttpResponse:
    """The views with their counts as they are now."""
    state = list_state(request, request.viewer)
    found = inbox_views(request.viewer)
    counts = {view.key: view.count for view in found}
    parts = {
        "view_groups": view_groups(found, state),
        "state": state,
        "own_count": counts[DEFAULT_VIEW],
        # the number beside the name of the list; a filtered list shows none
        "count": None if state.filters else counts.get(state.view),
    }
    return render(request, "tickets/_views.html", parts)


@page("tickets.view")
@require_GET
def rows(request: StaffRequest) -> HttpResponse:
    """The next rows of a list (``cursor``), the arrivals that waited behind the bar (``ids``), or the list from its start."""
    state = list_state(request, request.viewer)
    parts: dict[str, Any] = {"state": state, "show_assignee": shows_assignee(state)}
    if "ids" in request.GET:
        wanted = _ids(request, "ids")
        order = ids_in_view(request.viewer, wanted, view=state.view, sort=state.sort, filters=state.filters)
        found = {row.id: row for row in rows_of(request.viewer, order)}
        parts["rows"] = [row_parts(found[one], state) for one in order if one in found]
        parts["arrivals"] = arrivals_bar(state, [])
        return render(request, "tickets/_rows.html", parts)
    try:
        listed = ticket_list(
            request.viewer,
            view=state.view,
            sort=state.sort,
            cursor=request.GET.get("cursor", ""),
            filters=state.filters,
        )
    except (LookupError, CursorError, ValidationError):
        raise Http404(_("There is no such list.")) from None
    parts["rows"] = [row_parts(row, state) for row in listed.rows]
    parts |= {"next_url": _more_url(state, listed), "with_more": True}
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
    shown, waiting = _ids(request, "shown"), _ids(request, "waiting")
    try:
        in_view = set(
            ids_in_view(request.viewer, shown, view=state.view, sort=state.sort, filters=state.filters)
        )
        arrived = ids_in_view(
            request.viewer,
            waiting,
            view=state.view,
            sort=state.sort,
            filters=state.filters,
            before=request.GET.get("before", ""),
        )
    except (LookupError, CursorError, ValidationError):
        raise Http404(_("There is no such list.")) from None
    found = rows_of(request.viewer, {*shown, *arrived[:1]})
    visible = {row.id: row for row in found}
    parts = {
        "rows": [row_parts(visible[one], state, gone=one not in in_view) for one in shown if one in visible],
        "lost": [one for one in shown if one not in visible],
        "show_assignee": shows_assignee(state),
        "arrivals": arrivals_bar(
            state, arrived, visible[arrived[0]].subject if arrived and arrived[0] in visible else ""
        ),
        "oob": True,
    }
    return render(request, "tickets/_changes.html", parts)


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
            *((str(one.pk), one.name) for one in Category.objects.filter(is_active=True)),
        ],
    }
    fields = [
        {"name": name, "label": FILTER_LABELS[name], "options": choices, "value": state.filters.get(name, "")}
        for name, choices in options.items()
        if name in FILTERS
    ]
    return render(request, "tickets/_filters.html", {"fields": fields, "state": state})


@page("tickets.view")
@require_GET
def bulk_people(request: StaffRequest) -> HttpResponse:
    """The people that a selection can be given to."""
    people = User.objects.filter(is_active=True, role__in=WORKING_ROLES)
    return render(request, "tickets/_bulk_people.html", {"people": people})


@page("tickets.view")
@require_POST
def bulk(request: StaffRequest) -> HttpResponse:
    """Change the selected tickets one by one; says how many worked and why the others did not."""
    state = list_state(request, request.viewer)
    chosen = [int(one) for one in request.POST.getlist("ticket") if one.isascii() and one.isdigit()][
        :MOST_IDS
    ]
    act = _bulk_act(request)
    failures: list[tuple[str, str]] = []
    done = 0
    for ticket in visible_tickets(request.viewer).filter(pk__in=chosen).order_by("pk"):
        try:
            act(ticket)
            done += 1
        except ValidationError as error:
            failures.append((f"#{ticket.number}", reason(error)))
    in_view = set(
        ids_in_view(request.viewer, chosen, view=state.view, sort=state.sort, filters=state.filters)
    )
    visible = rows_of(request.viewer, chosen)
    parts = {
        "rows": [row_parts(row, state, gone=row.id not in in_view) for row in visible],
        "lost": sorted(set(chosen) - {row.id for row in visible}),
        "show_assignee": shows_assignee(state),
        "done": done,
        "total": len(chosen),
        "failures": failures,
        "oob": True,
    }
    response = render(request, "tickets/_bulk_done.html", parts)
    if failures:
        return response
    text = _("%(done)d of %(total)d changed") % {"done": done, "total": len(chosen)}
    return with_toast(response, text)


def _bulk_act(request: StaffRequest) -> Callable[[Ticket], object]:
    """The service call that the pressed button asks for; raises Http404 for none."""
    viewer, data = request.viewer, request.POST
    if "status" in data:
        return lambda ticket: change_status(ticket=ticket, status=data["status"], by=viewer)
    if "priority" in data:
        return lambda ticket: change_priority(ticket=ticket, priority=data["priority"], by=viewer)
    if "assignee" in data:
        assignee = person(data["assignee"])
        return lambda ticket: assign_ticket(ticket=ticket, assignee=assignee, by=viewer)
    raise Http404(_("There is no such act."))


def person(chosen: str) -> User | None:
    """The person a form names by id, None for the empty choice; raises Http404 for somebody unknown."""
    if not chosen:
        return None
    found = User.objects.filter(pk=int(chosen)).first() if chosen.isascii() and chosen.isdigit() else None
    if found is None:
        raise Http404(_("There is no such person."))
    return found
