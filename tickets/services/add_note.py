"""Add a private note: for colleagues, never sent to the customer."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.models import User
from people.viewer import Viewer
from tickets.events import NOTE_ADDED
from tickets.incoming import IncomingFile
from tickets.mentions import Mentioned, find_mentions, people_who_see, with_chips
from tickets.message_text import storable
from tickets.models import Draft, Mention, Message, Ticket
from tickets.rich_text import as_html
from tickets.services.receive_message import add_files
from tickets.services.take_draft import WrittenIn, take_draft
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def add_note(
    *,
    ticket: Ticket,
    body: str,
    by: Viewer,
    token: str = "",
    files: Sequence[IncomingFile] = (),
    draft: Draft | WrittenIn | None = None,
) -> Message:
    """Store the note; neither the SLA nor the order of lists moves. ``token`` names the form: sent twice it gives the
    first note again. ``draft`` is what it was written in: its files go along, and it is gone afterwards. Colleagues named
    with "@" are told (``tickets.mentions``). Raises ValidationError for an empty body and for who cannot see the ticket."""
    by.require("tickets.note")
    locked = lock_ticket(ticket.pk, by)
    external_id = f"form:{locked.pk}:{storable(token)}"[:255] if token else ""
    again = locked.messages.filter(external_id=external_id).first() if token else None
    if again is not None:
        return again
    text = storable(body).strip()
    if not text:
        raise ValidationError({"body": _("Write something.")})
    text, mentioned = _mentioned(text, locked)
    message = Message.objects.create(
        ticket=locked,
        kind=Message.Kind.NOTE,
        channel="note",
        author_id=by.user_id,
        body_text=text,
        body_html=with_chips(as_html(text), {text[one.start : one.start + one.length] for one in mentioned}),
        external_id=external_id,
        created_at=timezone.now(),
    )
    add_files(message, files)
    take_draft(message, draft)
    Mention.objects.bulk_create(
        Mention(message=message, user_id=one.user_id, start=one.start, length=one.length) for one in mentioned
    )
    NOTE_ADDED.record(
        by=by,
        subject_id=message.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"mentions": sorted({one.user_id for one in mentioned})},
    )
    save_ticket(locked)
    return message


def _mentioned(text: str, ticket: Ticket) -> tuple[str, list[Mentioned]]:
    """Return the text with plain names, and who is mentioned in it; a mention opens no private ticket to anybody."""
    if "@" not in text:
        return text, []
    people = list(User.objects.filter(is_active=True))
    text, found = find_mentions(text, people)
    seeing = set(people_who_see(ticket).values_list("pk", flat=True)) if found else set()
    hidden = {one.user_id for one in found} - seeing
    if hidden:
        names = ", ".join(sorted(user.name for user in people if user.pk in hidden))
        raise ValidationError(
            {"body": _("%s cannot see this ticket and would hear nothing. Take the mention out.") % names}
        )
    return text, found
