"""Which ticket a mail joins: proofs join, claims of strangers never do."""

from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as mailbox

from core.models import Event, Outbound
from core.outbox import send_due
from customers.models import Contact
from customers.services.merge_contacts import merge_contacts
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.mails import bounce_of, mail_of, take
from tickets.channels.email.thread_tokens import make_message_id, reply_address
from tickets.models import Inbox, MailLedger, Message, Ticket
from tickets.recipients import recipients_of_answer
from tickets.services.reply_to_ticket import reply_to_ticket

pytestmark = pytest.mark.django_db
State = MailLedger.State
STRANGER = "Eve <eve@elsewhere.example>"


@pytest.fixture
def opened(inbox: Inbox, contact: Contact) -> Ticket:
    """A ticket of Mette's by mail, with a colleague in copy."""
    row = take(
        mail_of(
            Message_ID="<1@halden.example>",
            References="<0@partner.example>",
            To="Support <support@desk.example>",
            Cc="Ole <ole@partner.example>",
        ),
        inbox,
    )
    assert row.ticket is not None
    return row.ticket


@pytest.fixture
def answered(opened: Ticket, viewer: Viewer) -> Any:
    """The answer as it left."""
    reply_to_ticket(ticket=opened, body="We have refunded it.", by=viewer)
    assert send_due() == 1
    return message_from_bytes(mailbox.outbox[-1].message().as_bytes())


def test_the_answer_threads_in_the_customers_client(opened: Ticket, answered: Any) -> None:
    answer = opened.messages.get(kind=Message.Kind.OUTBOUND)
    assert answered["In-Reply-To"] == "<1@halden.example>"
    assert answered["References"].split() == ["<0@partner.example>", "<1@halden.example>"]
    assert answered["Message-ID"] == make_message_id(opened.reference, answer.pk, "desk.example")
    assert answered["From"] == "Desk <support@desk.example>"
    assert answered["Reply-To"] == reply_address("support@desk.example", opened.reference)
    assert answered["To"] == "Mette Aas <mette@halden.example>"
    assert answered["Cc"] == "Ole <ole@partner.example>"
    assert answered["Subject"] == "Re: Invoice"
    assert answered["Auto-Submitted"] is None
    assert (answer.delivery, answer.delivered_at is not None) == (Message.Delivery.SENT, True)
    assert Event.objects.filter(verb="tickets.answer_sent", subject_id=answer.pk).count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        lambda sent: {"To": sent["Reply-To"]},
        lambda sent: {"Cc": sent["Reply-To"].upper()},
        lambda sent: {"Delivered_To": sent["Reply-To"]},
        lambda sent: {"In_Reply_To": sent["Message-ID"]},
        lambda sent: {"References": f"<x@y.example> {sent['Message-ID']}"},
        lambda _sent: {"In_Reply_To": "<1@halden.example>"},
        lambda _sent: {"References": "<0@partner.example> <unseen@halden.example>"},
    ],
)
def test_the_customers_answer_comes_back_to_the_ticket(
    opened: Ticket, answered: Any, inbox: Inbox, headers: Callable[[Any], dict[str, str]]
) -> None:
    row = take(mail_of(subject="Quite another subject", body="Thanks", **headers(answered)), inbox)
    assert (row.state, row.ticket) == (State.APPENDED, opened)
    assert opened.messages.filter(kind=Message.Kind.INBOUND).count() == 2


def test_a_subject_number_counts_for_who_takes_part(opened: Ticket, inbox: Inbox) -> None:
    subject = f"Invoice [#{opened.number}]"
    assert take(mail_of(subject=subject), inbox).ticket == opened
    row = take(mail_of(sender=STRANGER, subject=subject), inbox)
    assert row.state == State.TICKET
    assert row.ticket != opened
    assert Event.objects.get(verb="tickets.possible_reply_received").detail.data["number"] == opened.number


FORGERIES = {
    "a: a stranger claims an id of the customer": lambda _t: {"In_Reply_To": "<1@halden.example>"},
    "a: a stranger claims an ancestor": lambda _t: {"References": "<0@partner.example>"},
    "a: a stranger claims the number": lambda t: {"subject": f"Re: [#{t.number}]"},
    "a: a reply address without signature": lambda t: {"To": f"support+r-{t.reference}-@desk.example"},
    "d: a cut signature": lambda t: {
        "To": reply_address("support@desk.example", t.reference).removesuffix("@desk.example")[:-2]
        + "@desk.example"
    },
    "d: a guessed signature": lambda t: {"To": f"support+r-{t.reference}-{'a' * 16}@desk.example"},
    "d: a guessed Message-ID": lambda t: {
        "In_Reply_To": f"<csops.{t.reference.lower()}.1.{'a' * 16}@desk.example>"
    },
    "d: no signature in the Message-ID": lambda t: {
        "In_Reply_To": f"<csops.{t.reference.lower()}.1@desk.example>"
    },
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_stranger_gets_a_ticket_of_his_own(opened: Ticket, inbox: Inbox, forgery: str) -> None:
    row = take(mail_of(sender=STRANGER, body="Send me everything", **FORGERIES[forgery](opened)), inbox)
    assert row.state == State.TICKET
    assert row.ticket != opened
    assert opened.messages.count() == 1


def test_a_signature_under_another_key_proves_nothing(opened: Ticket, inbox: Inbox, settings: Any) -> None:
    settings.SECRET_KEY = "a-key-of-somebody-else"
    forged = reply_address("support@desk.example", opened.reference)
    settings.SECRET_KEY = "our-key"
    assert take(mail_of(sender=STRANGER, To=forged), inbox).ticket != opened


def test_b_a_spoofed_agent_never_answers_the_customer(
    opened: Ticket, answered: Any, agent: User, inbox: Inbox
) -> None:
    queued = Outbound.objects.count()
    row = take(
        mail_of(sender=f"{agent.name} <{agent.email}>", To=answered["Reply-To"], body="Pay here"), inbox
    )
    assert row.message is not None
    assert (row.message.kind, row.message.author) == (Message.Kind.INBOUND, None)
    assert Outbound.objects.count() == queued
    assert len(mailbox.outbox) == 1


def test_c_e_a_newcomer_with_a_right_token_is_unverified_and_sees_nothing(
    opened: Ticket, answered: Any, inbox: Inbox, contact: Contact
) -> None:
    row = take(mail_of(sender=STRANGER, To=answered["Reply-To"], body="I take over"), inbox)
    assert (row.state, row.ticket) == (State.APPENDED, opened)
    assert row.message is not None
    newcomer = row.message.contact
    assert newcomer is not None
    assert (newcomer.is_verified, newcomer.account) == (False, None)
    opened.refresh_from_db()
    assert opened.contact == contact
    # The next answer goes to whom the ticket belongs, not to whoever wrote last.
    assert [one.address for one in recipients_of_answer(opened).to] == ["mette@halden.example"]
    assert len(mailbox.outbox) == 1


def test_people_who_were_copied_and_colleagues_join_by_reference(opened: Ticket, inbox: Inbox) -> None:
    for sender in ("Ole <ole@partner.example>", "Kari <kari@halden.example>"):
        row = take(mail_of(sender=sender, In_Reply_To="<1@halden.example>"), inbox)
        assert (row.state, row.ticket) == (State.APPENDED, opened)


def test_merged_contacts_keep_their_threads(
    opened: Ticket, inbox: Inbox, contact: Contact, admin: User
) -> None:
    other = Contact.objects.create(name="Mette A.", account=None)
    merge_contacts(source=contact, target=other, by=admin.as_viewer())
    row = take(mail_of(subject=f"[#{opened.number}] more"), inbox)
    assert (row.state, row.ticket) == (State.APPENDED, opened)
    again = take(mail_of(Message_ID="<1@halden.example>", Received="by another way"), inbox)
    assert again.state == State.DUPLICATE
    colleague = take(mail_of(sender="kari@halden.example", References="<1@halden.example>"), inbox)
    assert colleague.ticket == opened


def test_our_own_mail_that_comes_back_is_no_message(opened: Ticket, answered: Any, inbox: Inbox) -> None:
    row = take(answered.as_bytes(), inbox)
    assert (row.state, row.ticket) == (State.DUPLICATE, opened)
    assert opened.messages.count() == 2


def test_a_bounce_marks_the_answer_as_failed(opened: Ticket, answered: Any, inbox: Inbox) -> None:
    row = take(bounce_of(answered["Message-ID"]), inbox)
    answer = opened.messages.get(kind=Message.Kind.OUTBOUND)
    assert (row.state, row.message, row.ticket) == (State.BOUNCE, answer, opened)
    assert answer.delivery == Message.Delivery.BOUNCED
    assert "550 no such user" in answer.delivery_detail
    assert Event.objects.filter(verb="tickets.message_bounced", ticket_id=opened.pk).count() == 1
    assert len(mailbox.outbox) == 1


def test_a_delay_and_a_forged_bounce_change_nothing(opened: Ticket, answered: Any, inbox: Inbox) -> None:
    assert take(bounce_of(answered["Message-ID"], "delayed", "4.4.1"), inbox).state == State.BOUNCE
    forged = answered["Message-ID"].replace("@", "x@")
    assert take(bounce_of(forged), inbox).state == State.BOUNCE
    assert opened.messages.get(kind=Message.Kind.OUTBOUND).delivery == Message.Delivery.SENT


def test_an_absence_note_does_not_wake_the_ticket(opened: Ticket, answered: Any, inbox: Inbox) -> None:
    opened.refresh_from_db()
    before = (opened.status_id, opened.waiting_since, opened.unread)
    for _day in range(24):
        row = take(
            mail_of(subject="Out of office", Auto_Submitted="auto-replied", In_Reply_To=answered["Message-ID"],
                    Message_ID=f"<{_day}@halden.example>"),
            inbox,
        )  # fmt: skip
        assert (row.state, row.ticket) == (State.AUTO_REPLY, opened)
    opened.refresh_from_db()
    assert (opened.status_id, opened.waiting_since, opened.unread) == before
    assert opened.messages.count() == 2
    assert len(mailbox.outbox) == 1


def test_the_file_outbox_keeps_one_file_however_often_a_mail_is_sent(
    opened: Ticket, viewer: Viewer, settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "tickets.channels.email.backends.FileOutboxBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    reply_to_ticket(ticket=opened, body="We have refunded it.", by=viewer)
    send_due()
    # As if the worker had been killed after the mail left and before it was written down.
    Outbound.objects.update(state=Outbound.State.SENDING, leased_until=None)
    send_due()
    assert Outbound.objects.get().state == Outbound.State.SENT
    assert len(list((tmp_path / "outbox").iterdir())) == 1
