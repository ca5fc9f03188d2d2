"""Two of our inboxes and an out-of-office robot write to each other for 24 hours of a virtual clock: nothing circles."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import parseaddr
from typing import Any

import pytest
from django.core import mail as outgoing

from core.outbox import send_due
from people.viewer import system_viewer
from tests.tickets.email.mails import mail_of, take
from tickets.models import Inbox, Ticket
from tickets.services.save_acknowledgement import save_acknowledgement

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROBOT = "robot@halden.example"


class World:
    """Carries mails between our inboxes and the robot. ``polite`` robots say that they are machines."""

    def __init__(self, inboxes: list[Inbox], pump: Any, *, polite: bool, quotes_thread: bool) -> None:
        self.inboxes = {one.address: one for one in inboxes}
        self.pump, self.polite, self.quotes_thread = pump, polite, quotes_thread
        self.ours: list[Message] = []
        self.number = 0

    def step(self) -> None:
        """Everything that is due leaves and arrives."""
        self.pump()
        send_due()
        sent, outgoing.outbox[:] = list(outgoing.outbox), []
        for one in sent:
            self.ours.append(message := message_from_bytes(one.message().as_bytes()))
            for recipient in one.recipients():
                self.deliver(parseaddr(recipient)[1], message)

    def deliver(self, address: str, message: Message) -> None:
        """One of our inboxes takes it, or the robot answers it."""
        local, _, domain = address.partition("@")
        inbox = self.inboxes.get(f"{local.partition('+')[0]}@{domain}")
        if inbox is not None:
            take(message.as_bytes(), inbox)
        elif address == ROBOT:
            self.robot(message)

    def robot(self, message: Message) -> None:
        """Away until Monday, and says so to every mail, whatever it says of itself."""
        self.number += 1
        answer = EmailMessage()
        answer["From"], answer["Subject"] = ROBOT, "I am not here"
        answer["To"] = message["Reply-To"] or message["From"]
        answer["Message-ID"] = f"<{self.number}@halden.example>"
        if self.quotes_thread:
            answer["In-Reply-To"] = message["Message-ID"]
        else:
            answer.replace_header("To", message["From"])
        if self.polite:
            answer["Auto-Submitted"] = "auto-replied"
        answer.set_content("Back on Monday.")
        self.deliver(parseaddr(str(answer["To"]))[1], answer)


@pytest.mark.parametrize(
    ("polite", "quotes_thread"),
    [
        (True, True),
        (False, False),
        pytest.param(False, True, marks=pytest.mark.long),
        pytest.param(True, False, marks=pytest.mark.long),
    ],
)
def test_at_most_one_automatic_mail_for_each_address_and_ticket_in_a_day(
    inbox: Inbox, pump: Any, time_machine: Any, polite: bool, quotes_thread: bool
) -> None:
    time_machine.move_to(START, tick=False)
    sales = Inbox.objects.create(name="Sales", channel="email", address="sales@desk.example")
    for one in (inbox, sales):
        save_acknowledgement(inbox=one, is_on=True, by=system_viewer("command"))
    world = World([inbox, sales], pump, polite=polite, quotes_thread=quotes_thread)
    # Somebody writes to both, in the robot's name and in that of each inbox: what loops begin with.
    for index, sender in enumerate((ROBOT, "sales@desk.example", "support@desk.example")):
        for one in (inbox, sales):
            take(mail_of(sender=sender, Message_ID=f"<start{index}{one.pk}@x.example>"), one)
    for minute in range(0, 24 * 60, 30):
        time_machine.move_to(START + timedelta(minutes=minute), tick=False)
        world.step()
    assert world.ours, "nothing was acknowledged: the drill proves nothing"
    assert all(one["Auto-Submitted"] == "auto-replied" and one["Precedence"] == "bulk" for one in world.ours)
    counts = Counter((str(one["To"]), str(one["In-Reply-To"])) for one in world.ours)
    assert set(counts.values()) == {1}
    tickets = Counter((str(one["To"]), str(one["Reply-To"])) for one in world.ours)
    assert set(tickets.values()) == {1}
    assert {address for address, _reference in tickets} == {ROBOT}
    # Three tokens at once and one every eight hours, however many tickets the robot opens.
    assert len(world.ours) <= 6
    assert Ticket.objects.count() <= 6 + len(world.ours)
