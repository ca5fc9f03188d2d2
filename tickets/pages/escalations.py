"""Escalations beside a ticket and the page of all that last."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from people.models import User
from people.requests import StaffRequest, is_partial, page
from tickets.models import Ticket
from tickets.pages.answers import refused, with_toast
from tickets.pages.conversations import head_parts
from tickets.pages.lists import list_state
from tickets.pages.tickets import visible_ticket
from tickets.selectors_escalations import escalations_of, open_escalations
from tickets.services.escalate_ticket import (
    LEVELS,
    acknowledge_escalation,
    de_escalate_ticket,
    escalate_ticket,
    present_escalation,
)

PAGE_SIZE = 100


@page("tickets.view")
@require_GET
def escalations(request: StaffRequest) -> HttpResponse:
    """Every escalation that lasts, the highest and oldest first; ``?owner=me`` one's own."""
    mine = request.GET.get("owner") == "me"
    rows = open_escalations(request.viewer, owner=request.viewer.user_id or 0 if mine else None)
    found = list(rows[: PAGE_SIZE + 1])
    context = {
        "rows": found[:PAGE_SIZE],
        "more": len(found) > PAGE_SIZE,
        "mine": mine,
        "can_edit": request.viewer.can("tickets.edit"),
        "query": "?owner=me" if mine else "",
    }
    template = "tickets/_escalation_rows.html" if is_partial(request) else "tickets/escalations.html"
    return render(request, template, context)


@page("tickets.view")
@require_GET
def escalation_menu(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """What can be done about the escalation of a ticket, and what was."""
    return _menu(request, visible_ticket(request, ticket_id))


def _menu(request: StaffRequest, ticket: Ticket, error: str = "", typed: str = "") -> HttpResponse:
    viewer = request.viewer
    context = {
        "ticket": ticket,
        "state": list_state(request, viewer, ticket),
        "present": present_escalation(ticket) if ticket.escalation_level else None,
        "past": [one for one in escalations_of(ticket)[:6] if one.ended_at is not None],
        "levels": [level for level in LEVELS if level > ticket.escalation_level],
        "people": User.objects.filter(is_active=True).order_by("name")
        if viewer.can("tickets.escalate")
        else [],
        "can_escalate": viewer.can("tickets.escalate"),
        "can_acknowledge": viewer.can("tickets.edit"),
        "error": error,
        "typed": typed,
    }
    return render(request, "tickets/_escalation_menu.html", context, status=422 if error else 200)


def _head(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The header of the conversation as it is now."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    return render(request, "tickets/_head.html", head_parts(found, request.viewer, state))


@page("tickets.escalate")
@require_POST
def escalate(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Escalate by hand."""
    found = visible_ticket(request, ticket_id)
    level, person = request.POST.get("level", ""), request.POST.get("owner", "")
    owner = User.objects.filter(pk=int(person)).first() if person.isdecimal() and len(person) < 10 else None
    try:
        escalate_ticket(
            ticket=found,
            level=int(level) if level.isdecimal() and len(level) < 3 else 0,
            reason=request.POST.get("reason", "").replace("\x00", ""),
            owner=owner,
            by=request.viewer,
        )
    except ValidationError as error:
        answer = _menu(request, found, " ".join(error.messages), request.POST.get("reason", ""))
        answer["HX-Retarget"], answer["HX-Reswap"] = "#escalation-menu", "outerHTML"
        return answer
    return with_toast(_head(request, ticket_id), _("#%d is escalated.") % found.number)


@page("tickets.edit")
@require_POST
def acknowledge(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Say that one looks after it; from the page of escalations the rows come back."""
    found = visible_ticket(request, ticket_id)
    acknowledge_escalation(ticket=found, by=request.viewer)
    text = _("The escalation of #%d is acknowledged.") % found.number
    if request.GET.get("from") == "list":
        return with_toast(redirect_rows(request), text)
    return with_toast(_head(request, ticket_id), text)


def redirect_rows(request: StaffRequest) -> HttpResponse:
    """The rows of the page of escalations; without htmx the page itself."""
    if not is_partial(request):
        return redirect("escalations")
    rows = list(open_escalations(request.viewer)[:PAGE_SIZE])
    context = {"rows": rows, "can_edit": request.viewer.can("tickets.edit"), "query": ""}
    return render(request, "tickets/_escalation_rows.html", context)


@page("tickets.escalate")
@require_POST
def de_escalate(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Take an escalation back, to a lower level or altogether."""
    found = visible_ticket(request, ticket_id)
    level = request.POST.get("level", "0")
    try:
        de_escalate_ticket(
            ticket=found,
            level=int(level) if level.isdecimal() and len(level) < 3 else 0,
            reason=request.POST.get("reason", "").replace("\x00", ""),
            by=request.viewer,
        )
    except ValidationError as error:
        return refused(error)
    return with_toast(_head(request, ticket_id), _("The escalation of #%d has ended.") % found.number)
