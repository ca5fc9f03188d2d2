"""The counters of views: what they say is what a count would say, for everybody, after whatever happened."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Job
from customers.models import Account, Contact
from customers.services.save_account import update_account
from customers.services.save_contact import update_contact
from people.models import Team, User
from people.services.save_team import save_team
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.conditions import check_condition
from tickets.list_views import views_of
from tickets.models import Category, CountedTicket, SavedView, Ticket, ViewCount
from tickets.selectors import count_of_view, inbox_views, tickets_in_view
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.copy_value_at_risk import copy_value_at_risk
from tickets.services.correct_routing import correct_routing
from tickets.services.count_views import count_due_tickets, count_tickets
from tickets.services.follow_ticket import follow_ticket, unfollow_ticket
from tickets.services.mark_read import mark_read
from tickets.services.receive_message import Received
from tickets.services.snooze_ticket import snooze_ticket, wake_ticket
from tickets.tasks import recount_views_task

pytestmark = pytest.mark.django_db(transaction=False)
Write = Callable[..., Received]

ME = {"field": "assignee", "is": "in", "value": ["me"]}
URGENT = {"field": "priority", "is": "in", "value": ["urgent"]}
CONDITIONS: list[Any] = [
    {"match": "any", "of": [ME, {"field": "csm", "is": "in", "value": ["me"]}]},
    {"match": "all", "of": [{**ME, "is": "not_in"}, {"field": "tags", "is": "none", "value": ["vip"]}]},
    {"field": "created_at", "is": "older_than", "value": 7200},
    {"field": "last_message_at", "is": "within_last", "value": 5400},
    {"match": "any", "of": [URGENT, {"field": "unread", "is": "is", "value": False}]},
    {"field": "status_category", "is": "in", "value": ["closed", "resolved"]},
    {"field": "value_at_risk", "is": "at_least", "value": 1000},
    {},
    {"field": "follower", "is": "in", "value": ["me"]},
    {"match": "all", "of": [URGENT, {"field": "follower", "is": "not_in", "value": ["me"]}]},
    {"match": "any", "of": [{"field": "mentioned", "is": "in", "value": ["me"]}, URGENT]},
    {"match": "all", "of": [{"field": "follower", "is": "in", "value": ["me"]}, {**ME, "is": "not_in"}]},
]  # fmt: skip


@pytest.fixture
def views() -> list[SavedView]:
    """Saved views of every kind, for everyone."""
    return [
        SavedView.objects.create(
            name=str(index),
            scope=SavedView.Scope.EVERYONE,
            condition=check_condition(condition),
            counted_revision=1,
        )
        for index, condition in enumerate(CONDITIONS)
    ]


def agree(viewers: list[Viewer]) -> None:
    for viewer in viewers:
        shown = {view.key: view.count for view in inbox_views(viewer)}
        truth = {view.key: tickets_in_view(viewer, view=view).count() for view in views_of(viewer)}
        assert shown == truth, viewer


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))])
def test_counters_are_what_a_count_would_say(
    seed: int,
    views: list[SavedView],
    write: Write,
    pump: Callable[[], int],
    agent: User,
    lawyer: User,
    lead_user: User,
    csm: User,
    analyst: User,
    category: Category,
    private_team: Team,
    minds: object,
) -> None:
    rng = random.Random(seed)
    secret = Category.objects.create(name="Contracts", description="", team=private_team)
    people = [agent, lawyer, lead_user]
    viewers = [person.as_viewer() for person in (agent, lawyer, lead_user, csm, analyst)]
    boss = lead_user.as_viewer()
    tickets: list[Ticket] = []

    def fresh() -> Ticket:
        ticket = rng.choice(tickets)
        ticket.refresh_from_db()
        return ticket

    acts: list[Callable[[], object]] = [
        lambda: tickets.append(
            write(
                str(rng.random()), sender=f"p{rng.randrange(5)}@halden.example", subject=str(rng.random())
            ).ticket
        ),
        lambda: write("more", ticket=fresh(), sender="mette@halden.example"),
        lambda: assign_ticket(ticket=fresh(), assignee=rng.choice([None, *people]), by=boss),
        lambda: change_status(
            ticket=fresh(), status=rng.choice(["open", "waiting", "on_hold", "resolved", "closed"]), by=boss
        ),
        lambda: change_priority(ticket=fresh(), priority=rng.choice(Ticket.Priority.values), by=boss),
        lambda: change_tags(
            ticket=fresh(), add=rng.choice([["vip"], []]), remove=rng.choice([["vip"], []]), by=boss
        ),
        lambda: correct_routing(ticket=fresh(), category=rng.choice([category, secret]), by=boss),
        lambda: snooze_ticket(ticket=fresh(), until=timezone.now() + timedelta(hours=3), by=boss),
        lambda: wake_ticket(ticket=fresh(), by=boss),
        lambda: mark_read(ticket=fresh(), by=boss),
        lambda: follow_ticket(ticket=fresh(), user=rng.choice([agent, lead_user]), by=boss),
        lambda: unfollow_ticket(ticket=fresh(), user=rng.choice([agent, lead_user]), by=boss),
        lambda: add_note(ticket=fresh(), body=f"Look, @{rng.choice(people).name}", by=boss),
    ]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        acts[0]()
        for step in range(40):
            with suppress(ValidationError):  # a refused act changes nothing
                rng.choice(acts)()
            if rng.random() < 0.3:
                clock.shift(timedelta(minutes=rng.randrange(1, 90)))
            if step % 5 == 4:
                pump()
                count_due_tickets()
                agree(viewers)
    pump()
    call_command("recount_views")
    assert ViewCount.objects.filter(count__lt=0, person=0).count() == 0


def test_time_alone_moves_tickets_between_views(
    write: Write, pump: Callable[[], int], viewer: Viewer, minds: object
) -> None:
    ticket = write().ticket
    due = timezone.now() + timedelta(hours=3)
    pump()
    Ticket.objects.filter(pk=ticket.pk).update(next_due_at=due)
    count_tickets(ticket_ids=[ticket.pk])
    assert count_of_view(viewer, "breaching") == 0
    with time_machine.travel(due - timedelta(minutes=59)):
        assert count_due_tickets() == 1
        assert count_of_view(viewer, "breaching") == 1 == tickets_in_view(viewer, view="breaching").count()
        assert count_due_tickets() == 0


def test_what_changed_without_an_event_is_found(
    write: Write, pump: Callable[[], int], viewer: Viewer, views: list[SavedView], minds: object
) -> None:
    ticket = write().ticket
    pump()
    assert count_of_view(viewer, "unassigned") == 1
    Ticket.objects.filter(pk=ticket.pk).update(unread=False)
    assert count_due_tickets() == 1
    Ticket.objects.filter(pk=ticket.pk).update(
        assignee_id=viewer.user_id, version=99, updated_at=timezone.now()
    )
    assert count_due_tickets() == 0, "its event may still be on its way"
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        count_due_tickets()
    assert (count_of_view(viewer, "unassigned"), count_of_view(viewer, "mine")) == (0, 1)


def test_a_repair_finds_what_was_lost_and_says_so(
    write: Write, pump: Callable[[], int], viewer: Viewer, minds: object
) -> None:
    tickets = [write(str(index), sender=f"p{index}@x.example").ticket for index in range(3)]
    pump()
    ViewCount.objects.filter(view="open").update(count=77)
    ViewCount.objects.create(view="saved-9.1", count=4)
    CountedTicket.objects.filter(pk=tickets[0].pk).delete()
    tickets[1].delete()
    recount_views_task()
    run_jobs("batch")
    job = Job.objects.get(kind="tickets.recount_views")
    assert job.state == Job.State.DONE
    assert job.result["tickets_repaired"] == 1
    assert job.result["counters_repaired"] >= 1
    assert "repaired" in job.log.get().line
    assert count_of_view(viewer, "open") == 2
    assert not ViewCount.objects.filter(view="saved-9.1").exists()
    recount_views_task()
    run_jobs("batch")
    assert Job.objects.filter(kind="tickets.recount_views").latest("pk").result["counters_repaired"] == 0


def test_a_team_that_turns_private_is_counted_apart(
    write: Write, pump: Callable[[], int], team: Team, csm: User, agent: User, admin: User, minds: object
) -> None:
    ticket = write().ticket
    correct_routing(ticket=ticket, team=team, by=agent.as_viewer())
    pump()
    assert count_of_view(csm.as_viewer(), "open") == 1
    save_team(
        team=team, name=team.name, description="", is_private=True, strategy=team.strategy, is_active=True,
        members=[agent], by=admin.as_viewer(),
    )  # fmt: skip
    pump()
    run_jobs("batch")
    assert count_of_view(csm.as_viewer(), "open") == 0
    assert count_of_view(agent.as_viewer(), "open") == 1


def test_the_views_cost_three_queries_and_none_counts_tickets(
    write: Write, pump: Callable[[], int], viewer: Viewer, views: list[SavedView], minds: object
) -> None:
    for index in range(3):
        write(str(index), sender=f"p{index}@x.example")
    pump()
    with CaptureQueriesContext(connection) as queries:
        inbox_views(viewer)
    assert len(queries) == 3
    assert not [one for one in queries if '"tickets_ticket"' in one["sql"]]


def saved(condition: Any, **columns: Any) -> SavedView:
    """A saved view of everybody's that is counted."""
    return SavedView.objects.create(
        name="x", scope=SavedView.Scope.EVERYONE, condition=check_condition(condition), **columns
    )


def test_who_follows_or_is_named_is_counted_for_that_person(
    write: Write, pump: Callable[[], int], viewer: Viewer, lead_user: User, agent: User, minds: object
) -> None:
    ticket, other = write().ticket, write("other", sender="other@x.example").ticket
    boss = lead_user.as_viewer()
    follow_ticket(ticket=other, by=boss)
    pump()
    # The views are made later than the rows: a new view finds them, too.
    followed = saved({"field": "follower", "is": "in", "value": ["me"]})
    named = saved({"field": "mentioned", "is": "in", "value": ["me"]})
    call_command("recount_views")

    def counts(who: Viewer) -> tuple[int, int]:
        return count_of_view(who, followed.key), count_of_view(who, named.key)

    assert (counts(viewer), counts(boss)) == ((0, 0), (1, 0))
    follow_ticket(ticket=ticket, by=viewer)
    add_note(ticket=ticket, body=f"Please look, @{agent.name}", by=boss)
    pump()
    assert (counts(viewer), counts(boss)) == ((1, 1), (1, 0))
    unfollow_ticket(ticket=other, by=boss)
    pump()
    assert (counts(viewer), counts(boss)) == ((1, 1), (0, 0))


def test_counting_costs_the_same_however_many_follow(
    write: Write, pump: Callable[[], int], lead_user: User, minds: object
) -> None:
    for condition in ("follower", "mentioned"):
        saved({"field": condition, "is": "in", "value": ["me"]}, counted_revision=1)
    people = [make_user("agent", f"Name{number} Test") for number in range(6)]
    tickets = [write(str(number), sender=f"p{number}@x.example").ticket for number in range(6)]

    def cost(some: list[Ticket]) -> int:
        with CaptureQueriesContext(connection) as queries:
            count_tickets(ticket_ids=[ticket.pk for ticket in some])
        return len(queries)

    boss = lead_user.as_viewer()
    follow_ticket(ticket=tickets[0], user=people[0], by=boss)
    count_tickets(ticket_ids=[])
    one = cost(tickets[:1])
    for ticket in tickets[1:]:
        for person in people:
            follow_ticket(ticket=ticket, user=person, by=boss)
            add_note(ticket=ticket, body=f"@{person.name}", by=boss)
    assert cost(tickets[1:]) <= one


def test_no_ticket_of_a_large_customer_is_left_out(
    write: Write,
    pump: Callable[[], int],
    account: Account,
    viewer: Viewer,
    admin: User,
    minds: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tickets.services.count_views.BATCH", 2)
    monkeypatch.setattr("tickets.subscribers.view_counts.BATCH", 2)
    monkeypatch.setattr("tickets.jobs.recount_views.BATCH", 2)
    gold = saved({"field": "account_tier", "is": "in", "value": ["growth"]}, counted_revision=1)
    for number in range(5):
        write(str(number), subject=f"No {number}")
    pump()
    assert count_of_view(viewer, gold.key) == 0
    update_account(account=account, values={"tier": "growth"}, by=admin.as_viewer())
    pump()
    run_jobs("batch")
    assert count_of_view(viewer, gold.key) == 5


def test_a_contact_with_a_new_name_is_counted_again(
    write: Write, pump: Callable[[], int], contact: Contact, viewer: Viewer, admin: User, minds: object
) -> None:
    called = saved({"field": "contact", "is": "contains", "value": "renamed"}, counted_revision=1)
    write()
    pump()
    assert count_of_view(viewer, called.key) == 0
    update_contact(contact=contact, values={"name": "Renamed"}, by=admin.as_viewer())
    pump()
    assert count_of_view(viewer, called.key) == 1


def test_old_counters_say_how_old_they_are(viewer: Viewer) -> None:
    assert count_due_tickets() == 0
    assert inbox_views(viewer)[0].counted_at is None
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert inbox_views(viewer)[0].counted_at is not None


def test_value_at_risk_follows_the_customer(
    write: Write, account: Account, viewer: Viewer, minds: object
) -> None:
    ticket = write().ticket
    Account.objects.filter(pk=account.pk).update(value_at_risk="2500.50")
    assert copy_value_at_risk() == 1
    assert copy_value_at_risk() == 0
    ticket.refresh_from_db()
    assert ticket.value_at_risk == 2500.5
    Account.objects.filter(pk=account.pk).update(value_at_risk=None)
    assert copy_value_at_risk() == 1
