"""Tells visitors in their chats that somebody else has taken over, and that their matter is settled."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy

from core.models import Event
from core.subscription import Subscriber
from people.models import User
from tickets.channels.chat.services.add_entry import add_entry, lock_session
from tickets.channels.chat.transcript import public_name
from tickets.events import ASSIGNED, STATUS_CHANGED
from tickets.models import ChatEntry, ChatSession, Status


class ChatNews(Subscriber):
    """Entries named after their event, so that a repetition adds none."""

    key = "tickets.chat_news"
    label = gettext_lazy("News for visitors of chats")
    verbs = frozenset({ASSIGNED.verb, STATUS_CHANGED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Add what the visitors of these tickets' open chats are to know. One query where there is no chat."""
        tickets = {event.ticket_id for event in events}
        chats = ChatSession.objects.filter(ticket__in=tickets, state=ChatSession.State.OPEN)
        by_ticket: dict[int, list[ChatSession]] = {}
        for chat in chats.select_related("inbox").order_by("pk"):
            by_ticket.setdefault(chat.ticket_id or 0, []).append(chat)
        for event in events:
            for chat in by_ticket.get(event.ticket_id or 0, ()):
                _tell(chat, event)


def _tell(chat: ChatSession, event: Event) -> None:
    detail = event.detail.data or {}
    if event.verb == STATUS_CHANGED.verb:
        over = detail.get("to_category") == Status.Category.RESOLVED
        if over and chat.agent_id is not None:
            session = lock_session(chat.pk)
            add_entry(session=session, key=f"resolved:{event.pk}", kind=ChatEntry.Kind.RESOLVED)
        return
    # Before anybody has answered, who gets the ticket is nobody's business but ours.
    session = lock_session(chat.pk)
    if session.agent_id is None or detail.get("to") in {None, session.agent_id}:
        return
    agent = User.objects.filter(pk=detail["to"]).first()
    if agent is not None:
        session.agent = agent
        session.save(update_fields=["agent"])
        name = public_name(agent, chat.inbox)
        add_entry(session=session, key=f"joined:e{event.pk}", kind=ChatEntry.Kind.JOINED, name=name)
