"""Add a private note: for colleagues, never sent to the customer."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import NOTE_ADDED
from tickets.message_text import storable
from tickets.models import Draft, Message, Ticket
from tickets.rich_text import as_html
from tickets.services.receive_message import IncomingFile, add_files
from tickets.services.take_draft import take_draft
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def add_note(
    *,
    ticket: Ticket,
    body: str,
    by: Viewer,
    token: str = "",
    files: Sequence[IncomingFile] = (),
    draft: Draft | None = None,
) -> Message:
    """Store the note; neither the SLA nor the order of lists moves. ``token`` names the form: sent twice it gives the
    first note again. ``draft`` is what it was written in: its files go along, and it is gone afterwards. Raises
    ValidationError for an empty body."""
    by.require("tickets.note")
    locked = lock_ticket(ticket.pk, by)
    external_id = f"form:{locked.pk}:{storable(token)}"[:255] if token else ""
    again = locked.messages.filter(external_id=external_id).first() if token else None
    if again is not None:
        return again
    text = storable(body).strip()
    if not text:
        raise ValidationError({"body": _("Write something.")})
    message = Message.objects.create(
        ticket=locked,
        kind=Message.Kind.NOTE,
        channel="note",
        author_id=by.user_id,
        body_text=text,
        body_html=as_html(text),
        external_id=external_id,
        created_at=timezone.now(),
    )
    add_files(message, files)
    take_draft(message, draft)
    NOTE_ADDED.record(by=by, subject_id=message.pk, ticket_id=locked.pk, account_id=locked.account_id)
    save_ticket(locked)
    return message
