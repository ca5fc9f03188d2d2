"""The button beside an address that the customer gave in a message."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.pages.forms import done, refused
from people.requests import StaffRequest, page
from tickets.pages.tickets import visible_ticket
from tickets.services.take_given_address import take_given_address


@require_POST
@page("tickets.view")
def given_address(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Add the address to the contact, or merge the contact into who has it."""
    ticket = visible_ticket(request, ticket_id)
    url = reverse("inbox-ticket", args=[ticket.pk])
    try:
        contact = take_given_address(
            ticket=ticket,
            kind=request.POST.get("kind", ""),
            value=request.POST.get("value", ""),
            by=request.viewer,
        )
    except ValidationError as error:
        return refused(request, error, url)
    if contact.pk == ticket.contact_id:
        return done(request, _("The address is added to the contact."), url)
    return done(request, _("Merged with %s. You can take it back on the page of the contact.") % contact, url)
