"""The line below the prediction that reads itself after the page: similar solved tickets, and a change of topic."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from people.requests import StaffRequest, page
from tickets.pages.answers import refused
from tickets.pages.lists import list_state
from tickets.pages.tickets import after_routing, visible_ticket
from tickets.routing_reasons import routing_reasons
from tickets.services.follow_topic import dismiss_topic, follow_topic


@page("tickets.view")
@require_GET
def reasons(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Show where similar solved tickets went and what a later message is about; empty without either."""
    found = visible_ticket(request, ticket_id)
    context = {
        "ticket": found,
        "reasons": routing_reasons(request.viewer, found),
        "may_edit": request.viewer.can("tickets.edit"),
        "state": list_state(request, request.viewer, found),
    }
    return render(request, "tickets/_routing_reasons.html", context)


@page("tickets.edit")
@require_POST
def follow(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Move the ticket where its later message belongs."""
    try:
        follow_topic(ticket=visible_ticket(request, ticket_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return after_routing(request, ticket_id, _("Moved to its new topic."))


@page("tickets.edit")
@require_POST
def dismiss(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Leave the ticket where it is."""
    try:
        dismiss_topic(ticket=visible_ticket(request, ticket_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return after_routing(request, ticket_id, _("It stays where it is."))
