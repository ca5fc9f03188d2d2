"""Notes between colleagues on the newest tickets, and what people were told of them."""

from core.actors import SYSTEM
from core.services.notify_user import notify_user
from cs_ops.demo.staff import Desk
from people.models import User
from tickets.events import NOTE_ADDED
from tickets.models import Message, Ticket
from tickets.notification_kinds import ASSIGNED_KIND, MENTION_KIND
from tickets.services.add_note import add_note

# (who writes, who is named, text)
NOTES = (
    ("lead", "agent", "could you look at this one first? The account renews soon."),
    ("jonas", "agent", "I have seen the **same certificate** trouble yesterday, ask me if it comes back."),
    ("agent", "lead", "they ask for a call with you. I have offered Thursday."),
)


def add_notes(desk: Desk) -> int:
    """Write the notes and tell those who are named, as the subscribers would; returns how many notes."""
    newest = Ticket.objects.active().filter(team__is_private=False).order_by("-last_message_at", "-pk")
    tickets = list(newest.select_related("team")[: len(NOTES)])
    for ticket, (writer, named, text) in zip(tickets, NOTES, strict=False):
        author, told = desk.users[writer], desk.users[named]
        message = add_note(ticket=ticket, body=f"@{told.name} {text}", by=author.as_viewer("command"))
        _tell(told, ticket, f"{author.name} mentions you on", text, MENTION_KIND, message)
    for ticket in newest.filter(assignee=desk.users["agent"])[:3]:
        _tell(desk.users["agent"], ticket, "You were given", "", ASSIGNED_KIND)
    return len(tickets)


def _tell(
    user: User, ticket: Ticket, what: str, text: str, kind: str, message: Message | None = None
) -> None:
    words = f"{what} #{ticket.number} {ticket.subject}"
    notify_user(
        user_id=user.pk,
        by=SYSTEM,
        text=f"{words}: {text.replace('**', '')}" if text else words,
        url=f"/inbox/{ticket.pk}/",
        verb=NOTE_ADDED.verb if message else "tickets.assigned",
        group=f"ticket:{ticket.pk}",
        kind=kind,
    )
