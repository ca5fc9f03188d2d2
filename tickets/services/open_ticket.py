"""Open a ticket with everything that is known about it: by REST, or by a colleague who took a call."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.incoming import IncomingFile
from tickets.models import Inbox, Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.copy_contacts import add_cc
from tickets.services.correct_routing import correct_routing
from tickets.services.create_ticket import create_ticket
from tickets.services.receive_message import Received
from tickets.services.set_properties import PROPERTIES, set_properties
from tickets.sight import destination, refuse_out_of_sight, refuse_stranger

# What may be said about a ticket when it is opened, beside its message.
KNOWN = PROPERTIES | {"priority", "team", "category", "assignee", "cc"}
MOST_CC = 50


def open_ticket(
    *,
    subject: str,
    body: str,
    contact_email: str,
    by: Viewer,
    contact_name: str = "",
    channel: str = "api",
    external_id: str = "",
    inbox: Inbox | None = None,
    known: Mapping[str, Any] | None = None,
    files: Sequence[IncomingFile] = (),
) -> Received:
    """Open a ticket with what the customer said as its first message, and set those of KNOWN that are named; all of it or
    nothing. Each is set by its own service and needs its permission.

    A known ``external_id`` gives the first ticket again, unchanged. ``team`` or ``category`` decide the routing, which else is
    the classifier's; ``cc`` are addresses. Raises ValidationError naming the field, PermissionDenied.
    """
    wanted = known or {}
    create = partial(
        create_ticket,
        subject=subject,
        body=body,
        contact_email=contact_email,
        contact_name=contact_name,
        channel=channel,
        external_id=external_id,
        inbox=inbox,
        files=files,
        by=by,
    )
    # A private team of the inbox has the ticket from its first moment.
    if inbox is not None:
        refuse_out_of_sight("inbox", inbox.default_team, by)
    if not wanted:
        return create()
    refuse_out_of_sight(*destination(wanted), by)
    with transaction.atomic():
        received = create()
        if received.outcome != "duplicate":
            # It may have gone there unasked, too: as the follow-up of another, through the inbox of its channel.
            refuse_out_of_sight("non_field_errors", received.ticket.team, by)
            _tell(received.ticket, wanted, by)
    return received


def _tell(ticket: Ticket, wanted: Mapping[str, Any], by: Viewer) -> None:
    """The custom fields come after the properties they depend on, the team last."""
    if wanted.get("priority"):
        change_priority(ticket=ticket, priority=wanted["priority"], by=by)
    if wanted.get("assignee") is not None:
        refuse_stranger(wanted["assignee"], destination(wanted)[1])
        assign_ticket(ticket=ticket, assignee=wanted["assignee"], by=by)
    if wanted.get("team") is not None or wanted.get("category") is not None:
        correct_routing(ticket=ticket, team=wanted.get("team"), category=wanted.get("category"), by=by)
    set_properties(ticket=ticket, wanted=wanted, by=by)
    _copy_to(ticket, wanted.get("cc") or (), by)


def _copy_to(ticket: Ticket, addresses: Sequence[str], by: Viewer) -> None:
    if len(addresses) > MOST_CC:
        raise ValidationError({"cc": _("A copy can go to at most %d people.") % MOST_CC})
    for address in addresses:
        try:
            add_cc(ticket=ticket, email=address, by=by)
        except ValidationError as error:
            raise ValidationError(
                {"cc": [f"{address}: {sentence}" for sentence in error.messages]}
            ) from error
