"""Who holds a chat's token may read it and write in it."""

from datetime import timedelta

from django.utils import timezone

from tickets.channels.chat.limits import TOKEN_DAYS, digest_of_token
from tickets.models import ChatSession, Inbox


def session_of_token(inbox: Inbox, authorization: str) -> ChatSession | None:
    """Return the chat of a bearer token in this inbox; None for one that counts no longer. One query."""
    kind, _space, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token:
        return None
    since = timezone.now() - timedelta(days=TOKEN_DAYS)
    found = ChatSession.objects.filter(
        token_digest=digest_of_token(token.strip()), inbox=inbox, last_seen_at__gt=since
    )
    return found.select_related("inbox", "agent", "ticket").first()
