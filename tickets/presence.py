"""Who has a ticket in front of them, and who is writing there: true for half a minute after the last sign."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.families import family_ids
from tickets.models import ChatSession, Presence, Ticket

LASTS = timedelta(seconds=30)
# A visitor of a chat tells every few seconds that it is writing.
VISITOR_WRITES = timedelta(seconds=8)


@dataclass(frozen=True)
class PresentPerson:
    """A colleague on a ticket, or its customer in a chat (``user_id`` 0). ``state`` is viewing, replying or noting."""

    user_id: int
    name: str
    state: str
    seen_at: datetime

    @property
    def sentence(self) -> str:
        """What the person does, for example "Priya Raman is replying"."""
        if not self.user_id:
            written = self.state == Presence.State.REPLYING
            return (_("%s is typing") if written else _("%s is online")) % self.name
        words = {
            Presence.State.REPLYING: _("%s is replying"),
            Presence.State.NOTING: _("%s is writing a note"),
        }.get(Presence.State(self.state), _("%s is looking at this"))
        return words % self.name


def people_on(ticket: Ticket, *, besides: Viewer | None = None) -> list[PresentPerson]:
    """The people on a visible ticket, those who write first; ``besides`` leaves one's own presence out. One query."""
    rows = Presence.objects.filter(ticket=ticket, seen_at__gt=timezone.now() - LASTS).select_related("user")
    if besides is not None and besides.user_id is not None:
        rows = rows.exclude(user_id=besides.user_id)
    found = [PresentPerson(row.user_id, str(row.user), row.state, row.seen_at) for row in rows]
    rank = {Presence.State.REPLYING: 0, Presence.State.NOTING: 1, Presence.State.VIEWING: 2}
    return sorted(found, key=lambda one: (rank[Presence.State(one.state)], one.name))


def visitor_on(ticket: Ticket) -> PresentPerson | None:
    """The visitor of the ticket's chat while its page is open, as somebody without a user id; ``state`` is viewing or replying.

    One query, none for tickets of other channels.
    """
    if ticket.channel != "chat":
        return None
    now = timezone.now()
    chats = ChatSession.objects.filter(
        ticket__in=family_ids(ticket), state=ChatSession.State.OPEN, last_seen_at__gt=now - LASTS
    )
    chat = chats.order_by("-last_seen_at").first()
    if chat is None:
        return None
    writes = chat.typing_at is not None and now - chat.typing_at < VISITOR_WRITES
    state = Presence.State.REPLYING if writes else Presence.State.VIEWING
    return PresentPerson(0, chat.name or chat.email or _("Visitor"), state, chat.last_seen_at)


def others_replying(ticket: Ticket, viewer: Viewer) -> list[PresentPerson]:
    """The colleagues who are writing an answer to the customer at this moment."""
    return [one for one in people_on(ticket, besides=viewer) if one.state == Presence.State.REPLYING]
