"""A ticket becomes a golden case of the routing: one click in the menu behind "Change"."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ml.services.keep_golden_case import keep_golden_case
from people.requests import StaffRequest, page
from tickets.pages.answers import refused, with_toast
from tickets.pages.tickets import head_answer, visible_ticket
from tickets.ticket_facts import ROUTING_TASK


@page("tickets.view")
@require_POST
def golden(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Keep the ticket as a case that every new model must route where it is now."""
    found = visible_ticket(request, ticket_id)
    label = found.category.name if found.category else ""
    try:
        keep_golden_case(task=ROUTING_TASK, subject_id=found.pk, label=label, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return with_toast(head_answer(request, found), _("Every new model must route it like this."))
