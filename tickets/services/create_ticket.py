"""Open a ticket on a customer's behalf: by an integration, or by a colleague who took a call."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Inbox
from tickets.services.receive_message import Received, receive_message


def create_ticket(
    *,
    subject: str,
    body: str,
    contact_email: str,
    by: Viewer,
    contact_name: str = "",
    channel: str = "api",
    external_id: str = "",
    inbox: Inbox | None = None,
    files: Sequence[IncomingFile] = (),
) -> Received:
    """Open a ticket with what the customer said as its first message; a known ``external_id`` gives the first one again.

    Raises ValidationError naming the field, PermissionDenied.
    """
    by.require("tickets.create")
    needed = {"subject": subject, "body": body, "contact": contact_email}
    missing = {name: _("This is required.") for name, value in needed.items() if not value.strip()}
    if missing:
        raise ValidationError(missing)
    incoming = IncomingMessage(
        channel=channel,
        sender=contact_email,
        sender_name=contact_name,
        subject=subject,
        text=body,
        external_id=external_id,
        files=files,
    )
    return receive_message(incoming=incoming, by=by, inbox=inbox)
