"""Pages beside a ticket that similar tickets lead to: an answer given before, and the decision about an incident."""

import json

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from people.requests import StaffRequest, page
from tickets.models import Incident
from tickets.pages.answers import refused, with_toast
from tickets.pages.tickets import panel_answer, visible_ticket
from tickets.services.decide_incident import confirm_incident, dismiss_incident
from tickets.similar import incident_of, last_answers

# What a composer takes; longer answers are cut, and the person sees it.
LONGEST_ANSWER = 20_000


@page("tickets.reply")
@require_GET
def similar_answer(request: StaffRequest, ticket_id: int, other_id: int) -> HttpResponse:
    """Put the last answer to another ticket into the composer; nothing is sent."""
    visible_ticket(request, ticket_id)
    other = visible_ticket(request, other_id)
    answer = last_answers([other]).get(other.pk)
    if answer is None:
        raise Http404(_("Nobody has answered that ticket."))
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps(
        {
            "composer-insert": {"text": answer.body_text[:LONGEST_ANSWER], "kind": "reply"},
            "toast": {
                "text": _("Answer of #%d inserted: it was written to somebody else, read it first")
                % other.number
            },
        }
    )
    return response


@page("tickets.edit")
@require_POST
def confirm(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Make one incident of the tickets that say the same, or link those that came since; answers the panel."""
    found = visible_ticket(request, ticket_id)
    try:
        linked = confirm_incident(incident=_incident(request, ticket_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    words = ngettext("%d ticket linked", "%d tickets linked", linked) % linked
    response = panel_answer(request, found, "similar")
    return with_toast(response, words)


@page("tickets.edit")
@require_POST
def dismiss(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Say that the tickets do not say the same; answers the panel."""
    found = visible_ticket(request, ticket_id)
    try:
        dismiss_incident(incident=_incident(request, ticket_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return with_toast(panel_answer(request, found, "similar"), _("No incident"))


def _incident(request: StaffRequest, ticket_id: int) -> Incident:
    """The incident that the viewer sees beside the ticket; raises Http404 for none."""
    shown = incident_of(request.viewer, visible_ticket(request, ticket_id))
    if shown is None:
        raise Http404(_("The ticket is part of no incident."))
    return shown.incident
