"""What customers write becomes tickets: joined, reopened, followed up, never twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from core.models import Event
from customers.models import Account, Contact
from people.models import Team
from people.viewer import Viewer, system_viewer
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Inbox, Message, Ticket
from tickets.services.change_status import change_status
from tickets.services.close_resolved_tickets import close_resolved_tickets
from tickets.services.receive_message import Received, receive_message

Write = Callable[..., Received]


def verbs(ticket: Ticket) -> list[str]:
    """The verbs of a ticket's events in order."""
    return list(Event.objects.filter(ticket_id=ticket.pk).order_by("pk").values_list("verb", flat=True))


def test_first_message_opens_a_ticket(write: Write, contact: Contact, account: Account) -> None:
    received = write("Where is\n\n  my invoice?", subject="  Invoice \n 7 ")
    ticket = Ticket.objects.get(pk=received.ticket.pk)
    assert received.outcome == "created"
    assert (ticket.contact, ticket.account, ticket.status_id) == (contact, account, "new")
    assert (ticket.subject, ticket.last_message_preview) == ("Invoice 7", "Where is my invoice?")
    assert ticket.unread
    assert ticket.waiting_since == ticket.created_at
    assert verbs(ticket) == ["tickets.created", "tickets.message_received"]
    event = Event.objects.get(verb="tickets.created")
    assert (event.actor_kind, event.actor_id, event.source) == ("contact", contact.pk, "mail")


def test_numbers_follow_each_other(write: Write) -> None:
    first, second = write().ticket, write().ticket
    assert second.number == first.number + 1
    assert first.reference != second.reference


def test_same_external_id_is_one_message(write: Write) -> None:
    first = write(external_id="<a@b>")
    again = write("other words", external_id="<a@b>")
    assert again.outcome == "duplicate"
    assert again.message == first.message
    assert Message.objects.count() == Ticket.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "known"),
    [("new@halden.example", True), ("jo@eu.halden.example", False), ("halden@gmail.com", False)],
)
def test_new_contacts_join_the_account_of_their_domain(
    write: Write, account: Account, address: str, known: bool
) -> None:
    ticket = write(sender=address).ticket
    assert (ticket.account == account) is known


def test_answer_of_the_customer_reopens_within_grace(write: Write, ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    received = write("It is back", ticket=ticket)
    ticket.refresh_from_db()
    assert received.outcome == "appended"
    assert (ticket.status_id, ticket.resolved_at, ticket.unread) == ("open", None, True)
    assert ticket.waiting_since is not None


def test_answer_after_grace_is_a_follow_up(write: Write, ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        received = write("And another thing", ticket=ticket)
    assert received.outcome == "follow_up"
    assert received.ticket.follow_up_of == ticket
    ticket.refresh_from_db()
    assert ticket.status_id == "resolved"
    assert not ticket.unread


def test_resolved_tickets_close_after_grace_and_stay_closed(
    write: Write, ticket: Ticket, viewer: Viewer
) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    assert close_resolved_tickets() == 0
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert close_resolved_tickets() == 1
    ticket.refresh_from_db()
    assert ticket.status_id == "closed"
    assert ticket.closed_at is not None
    assert write(ticket=ticket).outcome == "follow_up"


def test_automatic_messages_wake_nobody(write: Write, ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    received = write("I am out of office", ticket=ticket, is_automatic=True)
    ticket.refresh_from_db()
    assert received.outcome == "appended"
    assert (ticket.status_id, ticket.unread, ticket.waiting_since) == ("resolved", False, None)


def test_unknown_sender_of_a_given_ticket_stays_unverified(write: Write, ticket: Ticket) -> None:
    received = write(sender="stranger@elsewhere.example", ticket=ticket, sender_verified=False)
    assert received.message.contact is not None
    assert received.message.contact.is_verified is False
    assert received.ticket.contact.is_verified is True


def test_private_inbox_keeps_its_tickets_from_the_first_moment(
    private_team: Team, contact: Contact, viewer: Viewer
) -> None:
    inbox = Inbox.objects.create(name="Legal", address="legal@desk.example", default_team=private_team)
    incoming = IncomingMessage(channel="email", sender="mette@halden.example", text="Contract")
    ticket = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox).ticket
    assert ticket.team == private_team
    assert not Ticket.objects.visible_to(viewer).exists()


def test_files_and_odd_characters_are_kept(write: Write) -> None:
    received = write("a\x00b \udcff", files=[IncomingFile("../../etc/passwd\n", b"content", "text/plain")])
    message = Message.objects.get(pk=received.message.pk)
    attachment = message.attachments.get()
    assert message.body_text == "ab ?"
    assert attachment.size == 7
    assert ".." not in attachment.storage_key


def test_preview_shows_what_is_new(write: Write) -> None:
    text = "Thanks, that works.\n\n> did it work?\n"
    ticket = write(text, folds=[(text.index(">"), len(text), "quote")]).ticket
    assert ticket.last_message_preview == "Thanks, that works."


def test_whoever_may_not_create_tickets_is_refused(analyst: object, inbox: Inbox) -> None:
    from django.core.exceptions import PermissionDenied

    from people.models import User

    assert isinstance(analyst, User)
    incoming = IncomingMessage(channel="api", sender="a@b.example", text="x")
    with pytest.raises(PermissionDenied):
        receive_message(incoming=incoming, by=analyst.as_viewer(), inbox=inbox)
    assert not Ticket.objects.exists()
