"""Who is told of what happens on tickets: assignee, followers, those named; never oneself, never who may not see."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Event, Job, Notification
from core.notifications import WINDOW
from core.outbox import send_due
from core.services.mail_notifications import mail_due_notifications
from core.subscription import subscribers
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tickets import events as verbs
from tickets.models import Ticket
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.follow_ticket import follow_ticket
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket

Write = Callable[..., Received]
Pump = Callable[[], int]


@pytest.fixture
def mine(ticket: Ticket, agent: User, pump: Pump, minds: object) -> Ticket:
    """A ticket of the agent of which everything has been told."""
    Ticket.objects.filter(pk=ticket.pk).update(assignee=agent)
    pump()
    Notification.objects.all().delete()
    ticket.refresh_from_db()
    return ticket


@pytest.fixture
def colleague(team: Team) -> User:
    """A second member of the team."""
    user = make_user("agent", "Tom Beck")
    team.memberships.create(user=user)
    return user


def told() -> set[tuple[str, str]]:
    """Who was told, as of which kind."""
    return {
        (row.user.name, row.kind.removeprefix("tickets."))
        for row in Notification.objects.select_related("user")
    }


def test_the_assignee_and_followers_hear_the_customer(
    mine: Ticket, colleague: User, write: Write, pump: Pump
) -> None:
    follow_ticket(ticket=mine, by=colleague.as_viewer())
    write("My invoice is 100% wrong", ticket=mine)
    pump()
    assert told() == {("Priya Raman", "customer_replied"), ("Tom Beck", "followed_reply")}
    row = Notification.objects.get(user=colleague)
    assert row.text == f"Mette Aas wrote on #{mine.number} A question: My invoice is 100% wrong"
    assert (row.group, row.url) == (f"ticket:{mine.pk}", f"/inbox/{mine.pk}/")


def test_the_message_that_opens_a_ticket_tells_nobody_by_itself(
    agent: User, write: Write, pump: Pump, minds: object
) -> None:
    ticket = write("hello").ticket
    Ticket.objects.filter(pk=ticket.pk).update(assignee=agent)
    pump()
    assert told() == set()


def test_automatic_answers_tell_nobody(mine: Ticket, write: Write, pump: Pump) -> None:
    write("I am away", ticket=mine, is_automatic=True)
    pump()
    assert told() == set()


def test_a_mention_wins_and_nobody_hears_of_own_acts(
    mine: Ticket, agent: User, colleague: User, pump: Pump
) -> None:
    follow_ticket(ticket=mine, by=colleague.as_viewer())
    add_note(ticket=mine, body="@Tom Beck and @Priya Raman, see this", by=agent.as_viewer())
    pump()
    assert told() == {("Tom Beck", "mention")}
    reply_to_ticket(ticket=mine, body="Done", by=colleague.as_viewer())
    pump()
    assert told() == {("Tom Beck", "mention"), ("Priya Raman", "colleague_wrote")}


def test_who_no_longer_sees_the_ticket_hears_nothing(
    mine: Ticket, colleague: User, private_team: Team, lawyer: User, write: Write, pump: Pump
) -> None:
    for follower in (colleague, lawyer):
        follow_ticket(ticket=mine, by=follower.as_viewer())
    Ticket.objects.filter(pk=mine.pk).update(team=private_team)
    write("Confidential", ticket=mine)
    pump()
    assert told() == {("Priya Raman", "customer_replied"), ("Olav Brekke", "followed_reply")}


def test_mail_about_a_ticket_that_went_private_stays_here(
    mine: Ticket, agent: User, colleague: User, lead_user: User, private_team: Team, pump: Pump
) -> None:
    add_note(ticket=mine, body="@Tom Beck look", by=agent.as_viewer())
    add_note(ticket=mine, body="@Lena Vogt look", by=agent.as_viewer())
    pump()
    Ticket.objects.filter(pk=mine.pk).update(team=private_team)
    assert mail_due_notifications(now=timezone.now() + WINDOW) == 2
    send_due()
    assert [one.to for one in mail.outbox] == [[lead_user.email]]
    assert "Priya Raman mentions you" in mail.outbox[0].subject


def test_the_rest_of_what_is_told(
    mine: Ticket, agent: User, colleague: User, lead_user: User, pump: Pump
) -> None:
    system = system_viewer()
    rows = [
        (
            verbs.SLA_WARNED,
            {"to": [agent.pk, lead_user.pk]},
            {("Priya Raman", "sla_warning"), ("Lena Vogt", "sla_warning")},
        ),
        (verbs.SLA_WARNED, {"to": [lead_user.pk], "overdue": True}, {("Lena Vogt", "sla_breach")}),
        (verbs.RESOLUTION_BREACHED, {}, {("Priya Raman", "sla_breach")}),
        (verbs.ESCALATED, {"to": [lead_user.pk], "reason": "100% angry"}, {("Lena Vogt", "escalation")}),
        (verbs.TICKET_RATED, {}, {("Priya Raman", "rating")}),
        (verbs.WOKEN, {"reason": "time", "snoozed_by": colleague.pk}, {("Tom Beck", "woken")}),
        (verbs.WOKEN, {"reason": "asked", "snoozed_by": colleague.pk}, set()),
    ]
    for event_type, detail, expected in rows:
        Notification.objects.all().delete()
        with transaction.atomic():
            event_type.record(by=system, subject_id=mine.pk, ticket_id=mine.pk, detail=detail)
        pump()
        assert told() == expected, event_type


def test_a_low_rating_is_told_to_who_answers_for_the_team_when_nobody_has_the_ticket(
    mine: Ticket, team: Team, colleague: User, lead_user: User, pump: Pump
) -> None:
    def rated(**detail: object) -> set[tuple[str, str]]:
        Notification.objects.all().delete()
        with transaction.atomic():
            verbs.TICKET_RATED.record(
                by=system_viewer(), subject_id=mine.pk, ticket_id=mine.pk, detail=detail
            )
        pump()
        return told()

    assert rated(low=True) == {("Priya Raman", "rating")}
    Ticket.objects.filter(pk=mine.pk).update(assignee=None, team=team, satisfaction=1)
    # A team without a lead: all of it. With one: the lead. A good rating asks nobody for anything.
    assert rated(low=True) == {("Priya Raman", "rating"), ("Tom Beck", "rating")}
    assert rated(low=False) == set()
    team.memberships.create(user=make_user("lead", "Vera Chief"))
    assert rated(low=True) == {("Vera Chief", "rating")}
    assert "1 of 5" in Notification.objects.get().text
    Ticket.objects.filter(pk=mine.pk).update(team=None)
    assert rated(low=True) == {("Vera Chief", "rating"), ("Lena Vogt", "rating")}


def test_old_events_tell_nobody(
    mine: Ticket, colleague: User, agent: User, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.subscribers.notifications.STALE", timedelta(seconds=-1))
    assign_ticket(ticket=mine, assignee=colleague, by=agent.as_viewer())
    pump()
    assert told() == set()


def test_queries_do_not_grow_with_the_tickets(
    ticket: Ticket, agent: User, viewer: Viewer, write: Write, pump: Pump, minds: object
) -> None:
    def queries(count: int) -> int:
        tickets = [write(f"number {one}").ticket for one in range(count)]
        Ticket.objects.filter(pk__in=[one.pk for one in tickets]).update(assignee=agent)
        messages = [write("more", ticket=one).message.pk for one in tickets]
        found = Event.objects.filter(verb="tickets.message_received", subject_id__in=messages)
        events = list(found.select_related("detail"))
        part = subscribers.get("tickets.assignment_notifications")
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            part.apply(events, None)
        assert Notification.objects.filter(event_id__in=[event.pk for event in events]).count() == count
        writes = [one for one in captured if one["sql"].startswith("INSERT")]
        return len(captured) - len(writes)

    assert queries(2) == queries(12)


def test_long_work_tells_who_asked_for_it(agent: User, pump: Pump) -> None:
    from core.events import JOB_ENDED

    then = timezone.now() - timedelta(minutes=2)
    for state, begun in (("done", then), ("done", timezone.now()), ("failed", timezone.now())):
        job = Job.objects.create(
            kind="x", key=state, state=state, requested_by=agent, finished_at=timezone.now()
        )
        Job.objects.filter(pk=job.pk).update(created_at=begun)
        with transaction.atomic():
            JOB_ENDED.record(by=system_viewer(), subject_id=job.pk, detail={"kind": "x", "state": state})
    pump()
    assert sorted(Notification.objects.values_list("text", flat=True)) == ["Done: x", "Failed: x"]
