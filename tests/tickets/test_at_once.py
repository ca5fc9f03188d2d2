"""Several writers at the same moment: nothing twice, nothing lost, on either database."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from threading import Barrier, BrokenBarrierError, get_ident
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from core.models import Event
from core.subscription import Subscriber
from customers.models import Contact, ContactIdentity
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tests.tickets.conftest import suggestion
from tickets.incoming import IncomingMessage
from tickets.list_columns import columns_by_key
from tickets.list_views import view_of
from tickets.models import Category, Message, Ticket, TicketExport
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_automatically, assign_ticket
from tickets.services.change_status import change_status
from tickets.services.export_tickets import request_export
from tickets.services.receive_message import receive_message
from tickets.services.reply_to_ticket import NewerMessage, reply_to_ticket
from tickets.services.undo_answer import undo_answer
from tickets.subscribers.routing import Routing
from tickets.subscribers.sentiment import SentimentScoring
from tickets.ticket_rows import lock_ticket, save_ticket


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls in threads of their own connections and return their results."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def incoming(number: int) -> IncomingMessage:
    """A message of a person nobody knows yet; three senders share each id."""
    return IncomingMessage(
        channel="chat", sender="new@acme.example", text="Hello", external_id=f"id-{number // 3}"
    )


@pytest.mark.django_db(transaction=True)
def test_same_message_delivered_three_times_at_once_is_one_ticket() -> None:
    by = system_viewer("mail")
    received = at_once(
        [lambda number=number: receive_message(incoming=incoming(number), by=by) for number in range(6)]  # type: ignore[misc]
    )
    assert sorted(one.outcome for one in received) == ["created"] * 2 + ["duplicate"] * 4
    assert Ticket.objects.count() == Message.objects.count() == 2
    assert Contact.objects.count() == ContactIdentity.objects.count() == 1
    assert len(set(Ticket.objects.values_list("number", flat=True))) == 2


@pytest.mark.django_db(transaction=True)
def test_form_sent_twice_at_once_is_one_answer() -> None:
    viewer = make_user("agent", "Priya Raman").as_viewer()
    ticket = receive_message(incoming=incoming(0), by=system_viewer("mail")).ticket
    answers = at_once([lambda: reply_to_ticket(ticket=ticket, body="Hi", by=viewer, token="form")] * 3)
    assert len({answer.pk for answer in answers}) == 1
    assert Message.objects.filter(kind="outbound").count() == 1


@pytest.mark.django_db(transaction=True)
def test_exports_asked_for_at_once_are_counted_one_after_the_other() -> None:
    viewer = make_user("agent", "Priya Raman").as_viewer()
    receive_message(incoming=incoming(0), by=system_viewer("mail"))

    def ask() -> bool:
        try:
            request_export(
                view=view_of(viewer, "open"),
                filters={},
                columns=columns_by_key(["number"]),
                form="csv",
                by=viewer,
            )
        except ValidationError:
            return False
        return True

    assert sum(at_once([ask] * 8)) == TicketExport.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_assignments_at_once_count_each_other() -> None:
    team = Team.objects.create(name="Billing")
    for name in ("Priya Raman", "Tom Beck", "Ida Lund"):
        user = make_user("agent", name, capacity=1)
        team.memberships.create(user=user)
    tickets = [
        receive_message(incoming=incoming(3 * number), by=system_viewer("mail")).ticket for number in range(4)
    ]
    Ticket.objects.update(team=team, routing_state="routed")

    def assign(pk: int) -> bool:
        with transaction.atomic():
            ticket = lock_ticket(pk)
            taken = assign_automatically(ticket, by=system_viewer("task"))
            save_ticket(ticket)
        return taken

    taken = at_once([lambda pk=ticket.pk: assign(pk) for ticket in tickets])  # type: ignore[misc]
    assert sorted(taken) == [False, True, True, True]
    assert Ticket.objects.exclude(assignee=None).values("assignee").distinct().count() == 3


def together(monkeypatch: pytest.MonkeyPatch, place: str, parties: int = 2) -> None:
    """Let each thread wait for the others after its first call of ``place``, so that what it has locked then stays locked."""
    module, _dot, name = place.rpartition(".")
    real = getattr(import_module(module), name)
    barrier, waited = Barrier(parties), set()

    def slowly(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        if get_ident() not in waited:
            waited.add(get_ident())
            with suppress(
                BrokenBarrierError
            ):  # a database with one writer at a time lets nobody come that far
                barrier.wait(timeout=2)
        return found

    monkeypatch.setattr(place, slowly)


def deliver(subscriber: Subscriber, events: list[Event]) -> None:
    """Deliver a batch as ``core.delivery`` does."""
    prepared = subscriber.prepare(events)
    with transaction.atomic():
        subscriber.apply(events, prepared)


@pytest.mark.django_db(transaction=True)
def test_two_workers_route_tickets_of_the_same_teams_without_waiting_for_each_other(
    minds: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {}
    for number, name in enumerate(("Billing", "Shipping")):
        team = Team.objects.create(name=name)
        team.memberships.create(user=make_user("agent", f"Agent{number} Test"))
        words[name.lower()] = Category.objects.create(name=name, description=name, team=team).name
    monkeypatch.setattr(
        "tickets.routing.suggest_routing",
        lambda inputs, _ids: [
            suggestion(given.text, True, words["billing" if "billing" in given.text else "shipping"])
            for given in inputs
        ],
    )
    orders = [("billing", "shipping"), ("shipping", "billing")]
    batches = []
    for order in orders:
        for word in order:
            incoming = IncomingMessage(channel="chat", sender=f"{word}@acme.example", text=word, subject=word)
            receive_message(incoming=incoming, by=system_viewer("mail"))
        events = Event.objects.filter(verb="tickets.created").select_related("detail").order_by("-pk")[:2]
        batches.append(sorted(events, key=lambda event: event.pk))
    together(monkeypatch, "tickets.services.route_ticket.assign_automatically")
    at_once([lambda batch=batch: deliver(Routing(), batch) for batch in batches])  # type: ignore[misc]
    assert Ticket.objects.filter(assignee=None).count() == 0
    assert {ticket.team_id for ticket in Ticket.objects.all()} == set(
        Team.objects.values_list("pk", flat=True)
    )
    at_once([lambda batch=batch: deliver(Routing(), batch) for batch in batches])  # type: ignore[misc]
    assert Event.objects.filter(verb="tickets.routed").count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_workers_score_messages_of_the_same_tickets_without_waiting_for_each_other(
    minds: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = system_viewer("mail")
    tickets = [receive_message(incoming=incoming(3 * number), by=by).ticket for number in range(2)]
    batches = []
    for order in (tickets, tickets[::-1]):
        for ticket in order:
            words = IncomingMessage(channel="chat", sender="new@acme.example", text="terrible")
            receive_message(incoming=words, by=by, ticket=ticket)
        found = Event.objects.filter(verb="tickets.message_received").select_related("detail")
        batches.append(sorted(found.order_by("-pk")[:2], key=lambda event: event.pk))
    together(monkeypatch, "tickets.services.score_messages.lock_tickets")
    at_once([lambda batch=batch: deliver(SentimentScoring(), batch) for batch in batches])  # type: ignore[misc]
    assert Message.objects.filter(sentiment_label="negative").count() == 4
    assert set(Ticket.objects.values_list("sentiment_label", flat=True)) == {"negative"}


# --- many agents on one ticket ----------------------------------------------------------------------------------------


class Agent:
    """One person who acts at random on a ticket that others act on, too."""

    def __init__(self, ticket: Ticket, viewer: Viewer, seed: int) -> None:
        self.ticket = ticket
        self.viewer = viewer
        self.random = random.Random(seed)
        self.seen: dict[int, int] = {}

    def act(self, times: int) -> "Agent":
        """Do ``times`` things, each as a request would: read what is there, then act on it."""
        acts = [self.reply, self.reply, self.note, self.take, self.status, self.taken_back]
        for _time in range(times):
            self.random.choice(acts)()
            connection.close()  # the end of the request: others may have it now
        return self

    def newest_seen(self) -> int:
        """What the page showed, now or some time ago."""
        known = list(
            Message.objects.filter(ticket=self.ticket).exclude(kind="note").order_by("pk").values_list("pk", flat=True)
        )  # fmt: skip
        return known[-1] if self.random.random() < 0.7 else self.random.choice(known)

    def reply(self, undo_seconds: int = 0) -> Message | None:
        """Answer what was seen."""
        seen = self.newest_seen()
        try:
            message = reply_to_ticket(
                ticket=self.ticket,
                body=f"Answer of {self.viewer.user_id}",
                by=self.viewer,
                status=self.random.choice(["", "open", "waiting", "resolved"]),
                seen_message_id=seen,
                undo_seconds=undo_seconds,
            )
        except NewerMessage:
            return None
        self.seen[message.pk] = seen
        return message

    def taken_back(self) -> None:
        """Answer and take it back."""
        message = self.reply(undo_seconds=30)
        if message is not None:
            pk = message.pk
            undo_answer(message=message, by=self.viewer)
            del self.seen[pk]

    def note(self) -> None:
        """Tell the colleagues."""
        add_note(ticket=self.ticket, body="Looking", by=self.viewer)

    def take(self) -> None:
        """Take the ticket."""
        assign_ticket(ticket=self.ticket, assignee=User.objects.get(pk=self.viewer.user_id), by=self.viewer)

    def status(self) -> None:
        """Set a status."""
        change_status(
            ticket=self.ticket, status=self.random.choice(["open", "waiting", "on_hold"]), by=self.viewer
        )


def chain(ticket: Ticket, verbs: tuple[str, ...], first: Any) -> list[tuple[Any, Any]]:
    """The (from, to) pairs of the events in their order; each begins where the one before it ended."""
    found = Event.objects.filter(ticket_id=ticket.pk, verb__in=verbs).select_related("detail").order_by("pk")
    pairs = [(event.detail.data["from"], event.detail.data["to"]) for event in found]  # type: ignore[index]
    for (_before, ended), (began, _after) in pairwise([(None, first), *pairs]):
        assert began == ended
    return pairs


def agents_on_one_ticket(people: int, acts: int) -> None:
    """Let them act at once, then look whether the ticket is what one after the other would have made of it."""
    ticket = receive_message(incoming=incoming(0), by=system_viewer("mail")).ticket
    viewers = [make_user("agent", f"Agent{number} Test").as_viewer() for number in range(people)]
    agents = [Agent(ticket, viewer, seed) for seed, viewer in enumerate(viewers)]
    at_once([lambda agent=agent: agent.act(acts) for agent in agents])  # type: ignore[misc]
    ticket.refresh_from_db()
    answers = list(ticket.messages.filter(kind="outbound").order_by("pk"))
    seen = {pk: newest for agent in agents for pk, newest in agent.seen.items()}
    assert set(seen) == {answer.pk for answer in answers}
    # Nothing is lost: the counter on the row is what the rows say.
    assert ticket.outbound_count == len(answers)
    newest = ticket.messages.exclude(kind="note").order_by("pk").last()
    assert newest is not None
    assert ticket.last_message_inbound == (newest.kind == "inbound")
    # One owner at a time, and one status: every change began where the one before it ended.
    owners = chain(ticket, ("tickets.assigned", "tickets.unassigned"), None)
    assert ticket.assignee_id == (owners[-1][1] if owners else None)
    statuses = chain(ticket, ("tickets.status_changed",), "new")
    assert ticket.status_id == (statuses[-1][1] if statuses else "new")
    # Nobody answered over words that stood there and that he had not seen.
    for answer in answers:
        between = [one for one in answers if seen[answer.pk] < one.pk < answer.pk]
        assert [one for one in between if one.author_id != answer.author_id] == []


@pytest.mark.django_db(transaction=True)
def test_agents_at_random_on_one_ticket_lose_nothing() -> None:
    agents_on_one_ticket(people=8 if connection.vendor == "sqlite" else 20, acts=4)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_fifty_agents_at_random_on_one_ticket_lose_nothing() -> None:
    agents_on_one_ticket(people=12 if connection.vendor == "sqlite" else 50, acts=20)
