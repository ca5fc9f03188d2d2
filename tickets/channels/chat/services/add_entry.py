"""Write down what happened in a chat, numbered; the widget shows it."""

from django.utils import timezone

from tickets.models import ChatEntry, ChatSession, Message


def lock_session(session_id: int) -> ChatSession:
    """Return the session locked until the end of the transaction: entries get their numbers one after the other."""
    return ChatSession.objects.select_for_update().get(pk=session_id)


def known_entry(session: ChatSession, key: str) -> ChatEntry | None:
    """Return the entry that was made under a key before."""
    return ChatEntry.objects.filter(session=session, key=key[:80]).select_related("message").first()


def add_entry(
    *, session: ChatSession, key: str, kind: str, message: Message | None = None, name: str = ""
) -> ChatEntry:
    """Add an entry to a locked session, once per key; in the caller's transaction."""
    known = known_entry(session, key)
    if known is not None:
        return known
    session.last_number += 1
    session.save(update_fields=["last_number"])
    return ChatEntry.objects.create(
        session=session,
        number=session.last_number,
        key=key[:80],
        kind=kind,
        message=message,
        name=name[:160],
        created_at=timezone.now(),
    )
