"""Accepting and dismissing suggested tags from the head of a ticket."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from people.requests import StaffRequest, page
from tickets.pages.answers import refused
from tickets.pages.conversations import head_parts
from tickets.pages.lists import list_state
from tickets.pages.tickets import visible_ticket
from tickets.services.judge_tag import accept_tag, dismiss_tag

_ACTS = {"accept": accept_tag, "dismiss": dismiss_tag}


@page("tickets.edit")
@require_POST
def judge(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Put a suggested tag (``tag``) on the ticket or dismiss it (``verdict``), and show the head again."""
    act = _ACTS.get(request.POST.get("verdict", ""))
    if act is None:
        raise Http404(_("There is no such act."))
    ticket = visible_ticket(request, ticket_id)
    try:
        act(ticket=ticket, name=request.POST.get("tag", ""), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    again = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, again)
    return render(request, "tickets/_head.html", head_parts(again, request.viewer, state))
