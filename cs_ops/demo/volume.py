"""A desk of any size for benchmarks: very many invented tickets with their messages, events and search rows, in bulk.

Unlike the demo world it tells no stories: texts are drawn from a vocabulary with the usual skew (few words very often, very
many seldom), most tickets are closed, about one in twenty is living, and every thousandth has a conversation of exactly
``LONG`` messages. Every ``RARE_EVERY``-th message holds a word that no other has (``rare_word``).
"""

import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from core.bulk_rows import insert_rows, prepared
from core.events import detail_digest
from core.models import Event, EventDetail, EventPosition, Sequencer
from core.search.backend import backend
from core.sequencing import sequence_events
from customers.models import Account, Contact, ContactIdentity
from people.models import Team, TeamMembership, User
from people.roles import Role
from tickets.models import Category, Inbox, Message, SLAPolicy, SLATarget, Ticket, TicketNumber
from tickets.models.ticket import new_reference

SEED = 20_260_101
YEARS = 2
LONG = 50
LONG_EVERY = 1000
RARE_EVERY = 20_000
LEARNT = 100_000
LIVING_SHARE = 0.05
VOCABULARY = 30_000
FRAGMENTS = 6_000
PRIORITIES = ("low", "normal", "high", "urgent")
_LIVING = ("new", "open", "open", "open", "waiting", "on_hold")
_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "ki",
    "lo",
    "mu",
    "ne",
    "pa",
    "qui",
    "ra",
    "so",
    "ti",
    "vu",
    "wa",
    "xe",
    "yo",
    "za",
    "bel",
    "cor",
    "dan",
    "fin",
    "gor",
    "hal",
    "mer",
    "nor",
    "pol",
    "sal",
    "tor",
    "van",
]


def rare_word(number: int) -> str:
    """Return the word that the ``number``-th rare message (from 0) alone holds."""
    return f"xyloquartz{number}"


@dataclass(frozen=True)
class Written:
    """What was made."""

    tickets: int
    messages: int
    events: int


@dataclass(frozen=True)
class _Desk:
    teams: list[Team]
    agents: list[User]
    categories: list[Category]
    inbox: Inbox
    policy: SLAPolicy
    contacts: list[tuple[int, int]]  # (contact, account)


def make_volume(*, tickets: int, messages: int) -> Written:
    """Add ``tickets`` tickets with about ``messages`` messages in all to the database; needs the migrations only.

    Subscribers are not run: whoever calls moves them past what was written (``fast_forward``) and fills derived tables.
    """
    rng = np.random.default_rng(SEED)
    desk = _make_desk(max(20, tickets // 50), rng)
    texts = _Texts(rng)
    counts = _message_counts(tickets, messages, rng)
    start = timezone.now() - timedelta(days=365 * YEARS)
    step = timedelta(days=365 * YEARS) / tickets
    first_ticket, first_message = _next_id(Ticket), _next_id(Message)
    number = TicketNumber.objects.get(pk=1).last
    plan = _Plan(rng, desk, tickets, counts, start, step, first_ticket, first_message, number)
    _insert(Ticket, _TICKET_COLUMNS, plan.ticket_rows(texts))
    written = _insert(Message, _MESSAGE_COLUMNS, plan.message_rows(texts))
    events = _write_events(plan)
    TicketNumber.objects.filter(pk=1).update(last=number + tickets)
    for model in (Ticket, Message, Event):
        _set_sequence(model)
    return Written(tickets, written, events)


def _make_desk(accounts: int, rng: np.random.Generator) -> _Desk:
    """People, categories, a promise, customers."""
    stamp = secrets.token_hex(3)
    teams = [Team.objects.create(name=f"Team {stamp} {n}") for n in range(5)]
    agents = User.objects.bulk_create(
        [
            User(
                email=f"agent{n}.{stamp}@volume.example",
                name=f"Agent {n}",
                role=Role.AGENT if n else Role.LEAD,
                availability=User.Availability.AVAILABLE,
                password="!",  # noqa: S106 - nobody logs in with it
                capacity=30_000,
            )
            for n in range(25)
        ]
    )
    TeamMembership.objects.bulk_create(
        [TeamMembership(team=teams[n % 5], user=agent) for n, agent in enumerate(agents)]
    )
    categories = [Category.objects.create(name=f"Category {stamp} {n}", team=teams[n % 5]) for n in range(10)]
    inbox = Inbox.objects.create(name=f"Inbox {stamp}", address=f"support.{stamp}@volume.example")
    policy = SLAPolicy.objects.create(name=f"Promise {stamp}")
    SLATarget.objects.bulk_create(
        [
            SLATarget(
                policy=policy, priority=one, first_response_seconds=4 * 3600, resolution_seconds=48 * 3600
            )
            for one in PRIORITIES
        ]
    )
    customers = Account.objects.bulk_create(
        [
            Account(name=f"Customer {stamp} {n}", arr=int(arr), value_at_risk=int(arr) // 10)
            for n, arr in enumerate(rng.integers(1_000, 400_000, accounts))
        ],
        batch_size=2000,
    )
    people = Contact.objects.bulk_create(
        [
            Contact(account=account, name=f"Person {n}-{place}")
            for n, account in enumerate(customers)
            for place in range(3)
        ],
        batch_size=2000,
    )
    ContactIdentity.objects.bulk_create(
        [
            ContactIdentity(contact=one, kind="email", value=f"p{one.pk}.{stamp}@customer.example")
            for one in people
        ],
        batch_size=2000,
    )
    contacts = [(one.pk, int(one.account_id or 0)) for one in people]
    return _Desk(teams, agents, categories, inbox, policy, contacts)


class _Texts:
    """Sentences from fragments of a skewed vocabulary; very many different ones at the price of three look-ups."""

    def __init__(self, rng: np.random.Generator) -> None:
        words = np.array(
            ["".join(rng.choice(_SYLLABLES, int(size))) for size in rng.integers(1, 5, VOCABULARY)]
        )
        weights = 1.0 / np.arange(1, VOCABULARY + 1)
        drawn = rng.choice(words, (FRAGMENTS, 12), p=weights / weights.sum())
        self.fragments = [" ".join(row) for row in drawn]
        self.subjects = [" ".join(row[:5]) for row in drawn]


def _message_counts(tickets: int, messages: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """How many messages each ticket has: skewed, ``messages`` in all as nearly as may be, some exactly LONG."""
    long = np.arange(0, tickets, LONG_EVERY)
    mean = max(1.0, (messages - LONG * len(long)) / max(1, tickets - len(long)))
    counts = np.minimum(LONG, 1 + rng.poisson(rng.gamma(2.0, max(mean - 1, 0.01) / 2.0, tickets)))
    counts[long] = LONG
    return counts


_TICKET_COLUMNS = (
    "id", "number", "reference", "subject", "inbox_id", "channel", "account_id", "contact_id", "type_id", "status_id",
    "status_category", "priority", "priority_rank", "category_id", "team_id", "assignee_id", "assigned_reason",
    "routing_state", "language", "snoozed_until", "snoozed_by_id", "merged_into_id", "escalation_level", "value_at_risk",
    "follow_up_of_id", "version", "created_at", "updated_at", "last_message_at", "last_message_preview",
    "last_message_inbound", "waiting_since", "unread", "first_responded_at", "inbound_count", "outbound_count",
    "reopen_count", "satisfaction", "resolved_at", "closed_at", "sentiment_label", "sentiment_probability", "sentiment_score",
    "sla_policy_id", "first_response_due_at", "next_response_due_at", "resolution_due_at", "next_due_at",
    "first_response_breached_at", "next_response_breached_at", "resolution_breached_at",
)  # fmt: skip
_MESSAGE_COLUMNS = (
    "id", "ticket_id", "kind", "channel", "contact_id", "author_id", "subject", "body_text", "body_html", "quote_offsets",
    "recipients", "external_id", "is_automatic", "delivery", "delivery_detail", "delivered_at", "sentiment_label",
    "sentiment_probability", "sentiment_score", "created_at", "recorded_at",
)  # fmt: skip


class _Plan:
    """Every choice about every ticket, drawn once, so that rows of three tables agree without being held."""

    def __init__(
        self,
        rng: np.random.Generator,
        desk: _Desk,
        tickets: int,
        counts: np.ndarray[Any, Any],
        start: datetime,
        step: timedelta,
        first_ticket: int,
        first_message: int,
        number: int,
    ) -> None:
        self.desk, self.tickets, self.counts = desk, tickets, counts
        self.start, self.step = start, step
        self.first_ticket, self.first_message, self.number = first_ticket, first_message, number
        recency = np.linspace(0.0, 1.0, tickets)
        self.living = rng.random(tickets) < LIVING_SHARE * 6 * recency**5
        self.status = rng.integers(0, len(_LIVING), tickets)
        self.contact = rng.integers(0, len(desk.contacts), tickets)
        self.agent = rng.integers(0, len(desk.agents), tickets)
        self.category = rng.integers(0, len(desk.categories), tickets)
        self.priority = rng.choice(4, tickets, p=[0.15, 0.6, 0.2, 0.05])
        self.text = rng.integers(0, FRAGMENTS, tickets)
        self.hours = rng.exponential(30.0, tickets)
        self.mood = rng.choice(3, tickets, p=[0.2, 0.6, 0.2])
        self.at_risk = rng.integers(0, 40_000, tickets)

    def opened(self, place: int) -> datetime:
        """When the ticket was opened."""
        return self.start + place * self.step

    def ended(self, place: int) -> datetime:
        """When the last message came."""
        now = self.start + self.tickets * self.step
        return min(now, self.opened(place) + timedelta(hours=float(self.hours[place])))

    def state(self, place: int) -> str:
        """The status; closed unless living."""
        return _LIVING[int(self.status[place])] if self.living[place] else "closed"

    def ticket_rows(self, texts: _Texts) -> Iterator[tuple[Any, ...]]:
        """Yield the values of _TICKET_COLUMNS."""
        at = _moment_adapter(Ticket, "created_at")
        moods = (("negative", -0.8), ("neutral", 0.0), ("positive", 0.8))
        for place in range(self.tickets):
            desk, status, opened, ended = self.desk, self.state(place), self.opened(place), self.ended(place)
            contact, account = desk.contacts[int(self.contact[place])]
            category = desk.categories[int(self.category[place])]
            is_new = status == "new"
            priority = int(self.priority[place])
            mood, score = moods[int(self.mood[place])]
            over = at(ended) if status == "closed" else None
            asks_us = status in ("new", "open")
            due = at(ended + timedelta(hours=8)) if asks_us else None
            answered = None if is_new else at(opened + (ended - opened) / 4)
            inbound = (int(self.counts[place]) + 1) // 2
            yield (
                self.first_ticket + place, self.number + 1 + place, new_reference(), texts.subjects[int(self.text[place])],
                desk.inbox.pk, "email", account, contact, None, status, status, PRIORITIES[priority], priority,
                category.pk, category.team_id, None if is_new else desk.agents[int(self.agent[place])].pk, "",
                "routed", "en", None, None, None, 0, float(self.at_risk[place]), None, 1, at(opened), at(ended), at(ended),
                texts.fragments[int(self.text[place])][:160], asks_us, at(ended) if asks_us else None, is_new, answered,
                inbound, int(self.counts[place]) - inbound, 0, None, over, over, mood, 0.8, score, desk.policy.pk,
                at(opened + timedelta(hours=4)), None, due, due, None, None, None,
            )  # fmt: skip

    def message_rows(self, texts: _Texts) -> Iterator[tuple[Any, ...]]:
        """Yield the values of _MESSAGE_COLUMNS."""
        at = _moment_adapter(Message, "created_at")
        empty_list, empty_map = "[]", "{}"
        pk, rare = self.first_message, 0
        for place in range(self.tickets):
            count, opened = int(self.counts[place]), self.opened(place)
            gap = (self.ended(place) - opened) / max(1, count)
            contact, _account = self.desk.contacts[int(self.contact[place])]
            agent = self.desk.agents[int(self.agent[place])].pk
            for turn in range(count):
                seed = int(self.text[place]) + turn * 7919 + place
                body = ". ".join(texts.fragments[(seed * step) % FRAGMENTS] for step in (1, 31, 1013))
                if (pk - self.first_message) % RARE_EVERY == RARE_EVERY // 2:
                    body = f"{body} {rare_word(rare)}"
                    rare += 1
                inbound = turn % 2 == 0
                when = at(opened + turn * gap)
                yield (
                    pk, self.first_ticket + place, "inbound" if inbound else "outbound", "email",
                    contact if inbound else None, None if inbound else agent, "", body, "", empty_list, empty_map, "",
                    False, "" if inbound else "sent", "", None, "neutral" if inbound else "", 0.8 if inbound else None,
                    0.0 if inbound else None, when, when,
                )  # fmt: skip
                pk += 1


def _write_events(plan: _Plan) -> int:
    """Three events of each ticket (opened, assigned, the last status) with details and places in the order."""
    sequence_events()
    first, last_seq = _next_id(Event), Sequencer.objects.get(pk=1).last_seq
    at = _moment_adapter(Event, "occurred_at")
    salt = secrets.token_hex(16)
    digests: dict[str, str] = {}

    def told() -> Iterator[tuple[str, str, int, int, datetime, int, int]]:
        for place in range(plan.tickets):
            contact, account = plan.desk.contacts[int(plan.contact[place])]
            agent = plan.desk.agents[int(plan.agent[place])].pk
            ticket, opened, status = plan.first_ticket + place, plan.opened(place), plan.state(place)
            to = json.dumps({"from": None, "to": agent, "reason": "", "automatic": True})
            moved = json.dumps(
                {"from": "new", "to": status, "from_category": "new", "to_category": status, "reason": ""}
            )
            yield "tickets.created", '{"channel": "email"}', ticket, account, opened, contact, 0
            yield "tickets.assigned", to, ticket, account, opened, agent, 1
            yield "tickets.status_changed", moved, ticket, account, plan.ended(place), agent, 1

    def events() -> Iterator[tuple[Any, ...]]:
        for number, (verb, data, ticket, account, when, actor, by_staff) in enumerate(told()):
            if data not in digests:
                digests[data] = detail_digest(json.loads(data), salt)
            kind = "staff" if by_staff else "contact"
            yield (
                first + number, at(when), at(when), verb, kind, actor, "ticket", ticket, account, ticket, "volume", None, 0,
                digests[data],
            )  # fmt: skip

    columns = (
        "id", "occurred_at", "recorded_at", "verb", "actor_kind", "actor_id", "subject_kind", "subject_id", "account_id",
        "ticket_id", "source", "cause_id", "depth", "detail_digest",
    )  # fmt: skip
    written = insert_rows(Event, columns, events())
    details = ((first + number, row[1], salt) for number, row in enumerate(told()))
    insert_rows(EventDetail, ("event_id", "data", "salt"), details)
    insert_rows(
        EventPosition,
        ("event_id", "seq"),
        ((first + number, last_seq + 1 + number) for number in range(written)),
    )
    Sequencer.objects.filter(pk=1).update(last_seq=last_seq + written)
    return written


def index_volume() -> None:
    """Index every text for search.

    The texts are plain words, of which PostgreSQL's own parser makes the vectors that the product would make; the index is
    built at the end. Words for guessing what was meant are learnt from a sample. SQLite indexes as ``reindex`` does.
    """
    if connection.vendor != "postgresql":
        call_command("reindex", stdout=io.StringIO(), stderr=io.StringIO())
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'search_words'")
        [[definition]] = cursor.fetchall()
        cursor.execute("DROP INDEX search_words")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for statement in _INDEX:
            cursor.execute(statement)
        cursor.execute(definition)
        cursor.execute("SELECT max(id) FROM core_searchdocument")
        [last] = cursor.fetchone()
    backend().learn_words(max(0, last - LEARNT), last)


_INDEX = (
    """
    INSERT INTO core_searchdocument (kind, object_id, stream_id, at, internal, words)
    SELECT 'message', id, ticket_id, created_at, false, setweight(to_tsvector('simple', body_text), 'D')
    FROM tickets_message
    """,
    """
    INSERT INTO core_searchdocument (kind, object_id, stream_id, at, internal, words)
    SELECT 'ticket', one.id, one.id, one.created_at, false,
        setweight(to_tsvector('simple', one.number || ' ' || lower(one.reference) || ' ' || one.subject), 'A')
        || setweight(to_tsvector('simple', replace(contact.name, '-', ' ') || ' ' || coalesce(account.name, '')), 'B')
    FROM tickets_ticket one
    JOIN customers_contact contact ON contact.id = one.contact_id
    LEFT JOIN customers_account account ON account.id = one.account_id
    """,
)


def _insert(model: type[models.Model], columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert rows of the columns given; the others get the defaults of the model."""
    others = [
        field
        for field in model._meta.concrete_fields
        if field.attname not in columns and not field.primary_key and not field.generated
    ]
    defaults = tuple(field.get_db_prep_save(field.get_default(), connection) for field in others)
    names = (*columns, *(field.attname for field in others))
    return insert_rows(model, names, (row + defaults for row in rows))


def _moment_adapter(model: Any, name: str) -> Any:
    """Return the function that turns a moment into what the adapter takes."""
    if connection.vendor == "postgresql":
        return lambda moment: moment
    return lambda moment: prepared(model, name, moment)


def _next_id(model: Any) -> int:
    newest = model.objects.order_by("-pk").values_list("pk", flat=True).first()
    return int(newest or 0) + 1


def _set_sequence(model: Any) -> None:
    """Let the database go on counting after ids that were given by hand."""
    if connection.vendor != "postgresql":
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"  # noqa: S608
        )
