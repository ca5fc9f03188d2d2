"""What agents do with tickets: answer, note, assign, correct; what the product does for them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from core.models import Calendar, Event, Notification, Outbound
from core.outbox import PermanentFailure, send_due, senders
from customers.models import Account
from ml.models import Feedback
from people.models import Team, User
from people.services.set_availability import set_availability
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.models import Category, Message, Status, Ticket
from tickets.recipients import recipients_of_answer
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.assign_waiting_tickets import assign_waiting_tickets
from tickets.services.change_status import change_status
from tickets.services.correct_routing import confirm_routing, correct_routing
from tickets.services.mark_read import mark_read
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import NewerMessage, newest_message, reply_to_ticket
from tickets.services.retry_delivery import retry_delivery
from tickets.tasks import assign_waiting_tickets_task

Write = Callable[..., Received]


@pytest.fixture
def routed(ticket: Ticket, category: Category) -> Ticket:
    """A ticket that routing has given to the team."""
    Ticket.objects.filter(pk=ticket.pk).update(routing_state="routed", category=category, team=category.team)
    ticket.refresh_from_db()
    return ticket


@pytest.fixture
def colleague(team: Team) -> User:
    """A second member of the team."""
    user = make_user("agent", "Tom Beck")
    team.memberships.create(user=user)
    return user


def test_answer_is_queued_once_and_stamps_the_ticket(ticket: Ticket, agent: User, viewer: Viewer) -> None:
    message = reply_to_ticket(ticket=ticket, body="Here it is.", by=viewer, token="form-1", status="waiting")
    again = reply_to_ticket(ticket=ticket, body="Here it is.", by=viewer, token="form-1", status="waiting")
    ticket.refresh_from_db()
    assert again == message
    assert Outbound.objects.get().payload == {"message": message.pk}
    assert message.recipients["to"] == [{"name": "Mette Aas", "address": "mette@halden.example"}]
    assert (ticket.status_id, ticket.waiting_since, ticket.unread) == ("waiting", None, False)
    assert ticket.first_responded_at == message.created_at
    assert (ticket.assignee, ticket.last_message_preview) == (agent, "Here it is.")


def test_answer_is_refused_when_somebody_wrote_meanwhile(
    ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    seen = newest_message(ticket)
    assert seen is not None
    newer = write("One more thing", ticket=ticket).message
    with pytest.raises(NewerMessage) as refusal:
        reply_to_ticket(ticket=ticket, body="Hello", by=viewer, seen_message_id=seen.pk)
    assert refusal.value.message == newer
    assert not Outbound.objects.exists()
    assert reply_to_ticket(ticket=ticket, body="Hello", by=viewer, seen_message_id=newer.pk).pk


def test_answer_needs_words_an_address_and_the_right(ticket: Ticket, viewer: Viewer, analyst: User) -> None:
    with pytest.raises(ValidationError, match="Write something"):
        reply_to_ticket(ticket=ticket, body="  ", by=viewer)
    with pytest.raises(PermissionDenied):
        reply_to_ticket(ticket=ticket, body="Hi", by=analyst.as_viewer())
    ticket.contact.identities.all().delete()
    with pytest.raises(ValidationError, match="no e-mail address"):
        reply_to_ticket(ticket=ticket, body="Hi", by=viewer)
    assert not Message.objects.filter(kind="outbound").exists()


def test_recipients_come_from_the_message_answered(ticket: Ticket, write: Write) -> None:
    write(
        "cc to all",
        ticket=ticket,
        sender="jo@halden.example",
        recipients={
            "to": [{"name": "Desk", "address": "support+r-x-y@desk.example"}],
            "cc": [{"name": "Kim", "address": "Kim@halden.example"}],
        },
    )
    recipients = recipients_of_answer(ticket)
    assert [one.address for one in recipients.to] == ["jo@halden.example"]
    assert [(one.address, one.is_new) for one in recipients.cc] == [
        ("mette@halden.example", False),
        ("Kim@halden.example", True),
    ]


def test_unverified_writers_are_not_answered(ticket: Ticket, write: Write) -> None:
    write("let me in", ticket=ticket, sender="x@elsewhere.example", sender_verified=False)
    assert [one.address for one in recipients_of_answer(ticket).to] == ["mette@halden.example"]


def test_note_is_private_and_moves_nothing(ticket: Ticket, viewer: Viewer) -> None:
    before = ticket.last_message_at
    note = add_note(ticket=ticket, body="Ask finance", by=viewer)
    ticket.refresh_from_db()
    assert (note.kind, note.delivery, ticket.last_message_at) == ("note", "", before)
    assert ticket.waiting_since is not None
    assert not Outbound.objects.exists()


@pytest.fixture
def broken_mail() -> Iterator[None]:
    """A mail server that refuses everything."""
    sender = senders.get("tickets.email_reply")

    class Refusing(type(sender)):  # type: ignore[misc]
        def send(self, outbound: Outbound, prepared: Any) -> str:
            raise PermanentFailure("550 no such mailbox")

    original, sender.__class__ = sender.__class__, Refusing
    yield
    sender.__class__ = original


def test_failed_answer_can_be_sent_again(ticket: Ticket, viewer: Viewer, broken_mail: None) -> None:
    message = reply_to_ticket(ticket=ticket, body="Hello", by=viewer)
    send_due()
    message.refresh_from_db()
    assert (message.delivery, message.delivery_detail) == ("failed", "550 no such mailbox")
    assert retry_delivery(message=message, by=viewer).delivery == "queued"
    with pytest.raises(ValidationError):
        retry_delivery(message=message, by=viewer)
    assert Outbound.objects.get().state == "pending"


def test_new_is_only_the_beginning(ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="open", by=viewer)
    for refused in ("new", "nonsense"):
        with pytest.raises(ValidationError) as refusal:
            change_status(ticket=ticket, status=refused, by=viewer)
        assert "status" in refusal.value.message_dict
    ticket.refresh_from_db()
    assert ticket.status_id == "open"


def test_same_status_is_no_event(ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="open", by=viewer)
    version = Ticket.objects.get(pk=ticket.pk).version
    change_status(ticket=ticket, status="open", by=viewer)
    assert Event.objects.filter(verb="tickets.status_changed").count() == 1
    assert Ticket.objects.get(pk=ticket.pk).version == version


def test_waiting_tickets_go_to_the_freest_member(
    routed: Ticket, agent: User, colleague: User, write: Write
) -> None:
    User.objects.filter(pk=colleague.pk).update(capacity=4)
    for index in range(10):
        other = write(f"{index}").ticket
        Ticket.objects.filter(pk=other.pk).update(routing_state="routed", team=routed.team)
    assign_waiting_tickets_task()
    loads = [Ticket.objects.filter(assignee=user).count() for user in (agent, colleague)]
    assert loads == [9, 2]  # 9 of 20 and 2 of 4: equal shares of free capacity
    reason = Ticket.objects.filter(assignee=colleague).values_list("assigned_reason", flat=True).first()
    assert reason == "Most free capacity: 0 of 4"


@pytest.mark.parametrize("obstacle", ["away", "closed_hours", "full", "inactive"])
def test_nobody_gets_what_he_cannot_take(routed: Ticket, agent: User, obstacle: str, write: Write) -> None:
    if obstacle == "away":
        agent.availability = User.Availability.AWAY
    elif obstacle == "inactive":
        agent.is_active = False
    elif obstacle == "full":
        agent.capacity = 1
        Ticket.objects.filter(pk=write().ticket.pk).update(assignee=agent)
    else:
        windows = {"0": [["03:00", "03:01"]]}
        agent.working_hours = Calendar.objects.create(name="Never", windows=windows, timezone="UTC")
    agent.save()
    assert assign_waiting_tickets() == 0
    routed.refresh_from_db()
    assert routed.assignee is None
    assert routed.assigned_reason == (
        "Everybody available is at capacity" if obstacle == "full" else "Nobody of the team is available"
    )


def test_coming_online_drains_the_queue(
    routed: Ticket, agent: User, pump: Callable[[], int], minds: object
) -> None:
    User.objects.filter(pk=agent.pk).update(availability="away")
    pump()
    set_availability(user=agent, availability="available", by=agent.as_viewer())
    pump()
    routed.refresh_from_db()
    assert routed.assignee == agent


def test_manual_teams_keep_their_queue(routed: Ticket, agent: User, team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(strategy="manual")
    assert assign_waiting_tickets() == 0


def test_assigning_by_hand_notifies_the_other_never_oneself(
    ticket: Ticket, agent: User, colleague: User, viewer: Viewer, pump: Callable[[], int], minds: object
) -> None:
    pump()
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    pump()
    assert not Notification.objects.exists()
    assign_ticket(ticket=ticket, assignee=colleague, by=viewer)
    pump()
    pump()
    notification = Notification.objects.get()
    assert (notification.user, notification.url) == (colleague, f"/inbox/{ticket.pk}/")


def test_people_who_cannot_answer_are_not_given_tickets(
    ticket: Ticket, analyst: User, viewer: Viewer
) -> None:
    with pytest.raises(ValidationError) as refusal:
        assign_ticket(ticket=ticket, assignee=analyst, by=viewer)
    assert "assignee" in refusal.value.message_dict


def test_correction_moves_the_ticket_and_is_a_label(
    routed: Ticket, agent: User, viewer: Viewer, lawyer: User, private_team: Team
) -> None:
    assign_ticket(ticket=routed, assignee=agent, by=viewer)
    legal = Category.objects.create(name="Contracts", team=private_team)
    corrected = correct_routing(ticket=routed, category=legal, by=viewer)
    assert (corrected.team, corrected.assignee, corrected.routing_state) == (private_team, lawyer, "manual")
    feedback = Feedback.objects.get()
    assert (feedback.task, feedback.label, feedback.source) == ("routing", "Contracts", "correction")
    assert not Ticket.objects.visible_to(viewer).filter(pk=routed.pk).exists()


def test_confirming_without_a_prediction_is_refused(routed: Ticket, viewer: Viewer) -> None:
    with pytest.raises(ValidationError):
        confirm_routing(ticket=routed, by=viewer)
    assert not Feedback.objects.exists()


def test_reading_takes_the_mark_off(ticket: Ticket, viewer: Viewer) -> None:
    assert mark_read(ticket=ticket, by=viewer) is True
    assert mark_read(ticket=ticket, by=viewer) is False


def test_accounts_know_their_open_tickets_and_last_touch(
    ticket: Ticket, account: Account, viewer: Viewer, write: Write, pump: Callable[[], int], minds: object
) -> None:
    write()
    pump()
    account.refresh_from_db()
    assert account.open_tickets == 2
    touched = account.last_touch_at
    assert touched is not None
    answer = reply_to_ticket(ticket=ticket, body="Done", by=viewer, status="resolved")
    pump()
    account.refresh_from_db()
    assert (account.open_tickets, account.last_touch_at) == (1, answer.created_at)


def test_every_status_category_is_known(db: None) -> None:
    assert set(Status.objects.values_list("category", flat=True)) == set(Status.Category.values)
