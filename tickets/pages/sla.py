"""Why this deadline: the panel behind the clock of a ticket."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from tickets.pages.tickets import visible_ticket
from tickets.sla_explanation import explain_sla


@page("tickets.view")
@require_GET
def sla_reason(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The policy, the calendar, every stretch and every promise behind the deadlines of a ticket."""
    found = visible_ticket(request, ticket_id)
    context = {
        "ticket": found,
        "why": explain_sla(found, by=request.viewer),
        "can_manage": request.viewer.can("settings.manage"),
    }
    return render(request, "tickets/_sla_reason.html", context)
