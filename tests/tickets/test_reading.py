"""What pages read: views with counts, lists by keyset, the conversation, live streams, panels."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.kept_rows import forget_all
from core.live.subjects import live_subjects
from customers.models import Account, Contact, ContactIdentity
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tickets.channels.email.events import ANSWER_FAILED, POSSIBLE_REPLY_RECEIVED
from tickets.conversation import EventItem, MessageItem, conversation
from tickets.models import Category, Ticket
from tickets.registry import TicketPanel, panels, panels_for
from tickets.selectors import (
    CursorError,
    assignable_people,
    inbox_views,
    list_row,
    next_in_list,
    other_tickets,
    ticket_list,
    ticket_of,
)
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.count_views import recount_everything
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket

Write = Callable[..., Received]


def counts(viewer: Viewer) -> dict[str, int]:
    """The number beside each view."""
    recount_everything()
    return {view.key: view.count for view in inbox_views(viewer)}


def test_views_hold_what_they_say(write: Write, agent: User, viewer: Viewer, team: Team) -> None:
    mine, triage, late, waiting, resolved = (write(str(index)).ticket for index in range(5))
    assign_ticket(ticket=mine, assignee=agent, by=viewer)
    Ticket.objects.filter(pk=mine.pk).update(team=team)
    Ticket.objects.filter(pk=triage.pk).update(routing_state="triage")
    Ticket.objects.filter(pk=late.pk).update(next_due_at=timezone.now() + timedelta(minutes=30))
    Ticket.objects.filter(pk=mine.pk).update(says=" bug churn ", promise_due_at=timezone.now())
    change_status(ticket=waiting, status="waiting", by=viewer)
    change_status(ticket=resolved, status="resolved", by=viewer)
    expected = {
        "mine": [mine], "unassigned": [triage, late], "triage": [triage], "breaching": [late],
        "waiting": [waiting], "open": [mine, triage, late, waiting], "snoozed": [], "escalated": [],
        "leaving": [mine], "promised": [mine],
        "resolved": [resolved], f"team-{team.pk}": [mine],
    }  # fmt: skip
    assert counts(viewer) == {key: len(tickets) for key, tickets in expected.items()}
    for key, tickets in expected.items():
        assert {row.id for row in ticket_list(viewer, view=key).rows} == {ticket.pk for ticket in tickets}


def test_counts_and_lists_leave_out_what_is_private(
    ticket: Ticket, private_team: Team, viewer: Viewer, lawyer: User, lead_user: User
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    assert counts(viewer)["open"] == 0
    assert ticket_list(viewer, view="open").rows == ()
    assert ticket_list(viewer, view=f"team-{private_team.pk}").rows == ()
    with pytest.raises(Ticket.DoesNotExist):
        ticket_of(viewer, ticket.pk)
    assert live_subjects.get("ticket").visible_ids(viewer, [ticket.pk]) == set()
    for insider in (lawyer, lead_user):
        assert counts(insider.as_viewer())["open"] == 1
        assert live_subjects.get("ticket").visible_ids(insider.as_viewer(), [ticket.pk]) == {ticket.pk}


@pytest.mark.parametrize("sort", ["sla", "newest", "value"])
def test_pages_of_every_order_hold_each_ticket_once(write: Write, viewer: Viewer, sort: str) -> None:
    now = timezone.now()
    for index in range(9):
        ticket = write(
            str(index), sender=f"p{index}@a.example", occurred_at=now - timedelta(hours=index)
        ).ticket
        value = [None, 100, 9, 2500.5, 2500.5][index % 5]
        account = Account.objects.create(name=f"A{index}", value_at_risk=value)
        due = None if index % 3 == 0 else now + timedelta(minutes=10 * (index % 4))
        Ticket.objects.filter(pk=ticket.pk).update(account=account, next_due_at=due)
    found: list[Any] = []
    cursor = ""
    while True:
        page = ticket_list(viewer, view="open", sort=sort, cursor=cursor, limit=2)
        found += page.rows
        cursor = page.next_cursor
        if not cursor:
            break
    assert len({row.id for row in found}) == len(found) == 9
    if sort == "value":
        values = [row.value_at_risk or 0 for row in found]
        assert values == sorted(values, reverse=True)
    elif sort == "newest":
        assert [row.at for row in found] == sorted((row.at for row in found), reverse=True)
    else:
        dues = [row.sla.due_at or now + timedelta(days=99) for row in found]
        assert [due is None for due in dues] == [False] * 9
        order = list(
            Ticket.objects.filter(next_due_at__isnull=False)
            .order_by("next_due_at", "pk")
            .values_list("pk", flat=True)
        )
        assert [row.id for row in found][: len(order)] == order


def test_next_in_list_walks_the_view(write: Write, viewer: Viewer) -> None:
    first, second = write("1").ticket, write("2").ticket
    assert next_in_list(viewer, ticket=first, view="open") == second.pk
    assert next_in_list(viewer, ticket=second, view="open") is None


def test_nonsense_is_refused(viewer: Viewer) -> None:
    for wrong in ({"view": "secrets"}, {"sort": "password"}):
        with pytest.raises(LookupError):
            ticket_list(viewer, **wrong)  # type: ignore[arg-type]
    with pytest.raises(CursorError):
        ticket_list(viewer, cursor="%%%")
    with pytest.raises(ValidationError):
        ticket_list(viewer, filters={"team": "x"})


def test_reading_costs_the_same_for_one_and_many(
    write: Write, viewer: Viewer, agent: User, category: Category
) -> None:
    def queries(read: Callable[[], object]) -> int:
        forget_all()
        with CaptureQueriesContext(connection) as captured:
            read()
        return len(captured)

    ticket = write().ticket
    write("Me too", sender="q@halden.example", ticket=ticket)
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    reply_to_ticket(ticket=ticket, body="Hi", by=viewer, status="waiting")

    def all_reads() -> tuple[int, int, int]:
        return (
            queries(lambda: ticket_list(viewer, view="open")),
            queries(lambda: inbox_views(viewer)),
            queries(lambda: conversation(ticket_of(viewer, ticket.pk), viewer)),
        )

    before = all_reads()
    for index in range(10):
        write(str(index), sender=f"p{index}@halden.example")
        write(str(index), sender=f"q{index}@halden.example", ticket=ticket)
        add_note(ticket=ticket, body="n", by=viewer)
    assert all_reads() == before


def test_conversation_tells_messages_and_events_in_order(
    ticket: Ticket, viewer: Viewer, agent: User, write: Write
) -> None:
    text = "It works.\n> old words"
    write(text, ticket=ticket, folds=[(text.index(">"), len(text), "quote")])
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    reply_to_ticket(ticket=ticket, body="Good", by=viewer, status="resolved")
    items = conversation(ticket_of(viewer, ticket.pk), viewer)
    assert items == sorted(items, key=lambda item: item.at)
    messages = [item for item in items if isinstance(item, MessageItem)]
    lines = [(item.actor, item.sentence, item.object) for item in items if isinstance(item, EventItem)]
    assert [(one.kind, one.text, one.quoted) for one in messages] == [
        ("inbound", "Where is my invoice?", ""),
        ("inbound", "It works.", "> old words"),
        ("outbound", "Good", ""),
    ]
    assert (messages[2].author, messages[2].is_mine, messages[2].to) == (
        "Priya Raman",
        True,
        ("mette@halden.example",),
    )
    assert lines == [
        ("Mette Aas", "opened the ticket", ""),
        ("Priya Raman", "assigned the ticket", "to Priya Raman"),
        ("Priya Raman", "changed the status", "to Resolved"),
    ]


def test_a_failed_answer_is_a_line_with_its_reason(ticket: Ticket, viewer: Viewer) -> None:
    message = reply_to_ticket(ticket=ticket, body="Hi", by=viewer, status="open")
    with transaction.atomic():
        ANSWER_FAILED.record(
            by=system_viewer("outbox"),
            subject_id=message.pk,
            ticket_id=ticket.pk,
            detail={"reason": "550 no such user"},
        )
        POSSIBLE_REPLY_RECEIVED.record(
            by=system_viewer("mail"),
            subject_id=ticket.pk,
            ticket_id=ticket.pk,
            detail={"ticket": 1, "number": 4007},
        )
    lines = [
        item.object
        for item in conversation(ticket_of(viewer, ticket.pk), viewer)
        if isinstance(item, EventItem)
    ]
    assert lines[-2:] == ["550 no such user", "#4007"]


def test_rows_carry_what_the_list_shows(ticket: Ticket, viewer: Viewer, account: Account) -> None:
    row = list_row(viewer, ticket.pk)
    assert (row.contact, row.account, row.last_line, row.unread, row.from_us) == (
        "Mette Aas",
        account.name,
        "Where is my invoice?",
        True,
        False,
    )


def test_others_beside_a_ticket(write: Write, viewer: Viewer, account: Account) -> None:
    colleague = Contact.objects.create(account=account, name="Jo")
    ContactIdentity.objects.create(contact=colleague, kind="email", value="jo@halden.example")
    ticket, other, _stranger = (
        write().ticket,
        write(sender="jo@halden.example").ticket,
        write(sender="x@gmail.com"),
    )
    assert [row.id for row in other_tickets(viewer, ticket)] == [other.pk]


def test_team_members_come_first_when_assigning(
    ticket: Ticket, team: Team, agent: User, lead_user: User
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(team=team)
    ticket.refresh_from_db()
    people = assignable_people(ticket)
    assert (people[0].user, people[0].in_team) == (agent, True)
    assert (lead_user, False) in [(one.user, one.in_team) for one in people[1:]]


def test_panels_come_from_any_app_and_ask_for_permission(
    ticket: Ticket, viewer: Viewer, analyst: User
) -> None:
    class Secret(TicketPanel):
        key = "secret"
        order = -1
        permission = "tickets.reply"

    with panels.temporarily(Secret):
        assert panels_for(viewer, ticket)[0].key == "secret"
        assert "secret" not in {panel.key for panel in panels_for(analyst.as_viewer(), ticket)}
