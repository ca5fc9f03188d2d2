"""End a chat, on the visitor's word or ours."""

from django.db import transaction
from django.utils import timezone

from people.viewer import Viewer, contact_viewer
from tickets.channels.chat.events import CHAT_ENDED
from tickets.channels.chat.services.add_entry import add_entry, lock_session
from tickets.models import ChatEntry, ChatSession


@transaction.atomic
def end_chat(*, session: ChatSession, by: Viewer | None = None) -> None:
    """End it, once; without ``by`` the visitor does. Its ticket goes on: whether the matter is settled is the agent's to say."""
    if by is not None:
        by.require("tickets.reply")
    locked = lock_session(session.pk)
    if locked.state == ChatSession.State.ENDED:
        return
    locked.state, locked.ended_at = ChatSession.State.ENDED, timezone.now()
    locked.save(update_fields=["state", "ended_at"])
    add_entry(session=locked, key="ended", kind=ChatEntry.Kind.ENDED)
    if locked.ticket is not None:
        CHAT_ENDED.record(
            by=by or contact_viewer(locked.ticket.contact_id, "chat"),
            subject_id=locked.ticket.pk,
            ticket_id=locked.ticket.pk,
            account_id=locked.ticket.account_id,
        )
