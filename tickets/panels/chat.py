"""The visitor of a chat: there or gone, on which page, and who vouches for the name."""

from django.utils import timezone
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.families import family_ids
from tickets.models import ChatSession, Ticket
from tickets.presence import LASTS
from tickets.registry import TicketPanel


class ChatPanel(TicketPanel):
    """For tickets that came by chat."""

    key = "chat"
    label = gettext_lazy("Chat")
    icon = "message-circle"
    order = 25
    permission = "tickets.view"

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """Only where there can have been a chat."""
        return super().visible_to(viewer, ticket) and ticket.channel == "chat"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the latest chat of the ticket."""
        chats = ChatSession.objects.visible_to(viewer).filter(ticket__in=family_ids(ticket))
        chat = chats.select_related("inbox").order_by("-last_seen_at").first()
        return {
            "chat": chat,
            "is_online": chat is not None
            and chat.state == ChatSession.State.OPEN
            and timezone.now() - chat.last_seen_at < LASTS,
        }
