"""The language of conditions: the database and the loaded row give the same answer to whatever can be asked."""

import json
import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.conditions.kinds import LONGEST_SPAN, ConditionField
from customers.models import Account, Contact
from people.models import Team, User
from tests.conftest import make_user
from tickets.condition_fields import ConditionFields, all_fields
from tickets.conditions import as_q, asks_for_me, check_condition, depends_on_time, holds, in_words
from tickets.models import (
    Category,
    CustomField,
    FieldValue,
    Follower,
    Inbox,
    Mention,
    Message,
    Status,
    Tag,
    Ticket,
    TicketTag,
    TicketType,
)
from tickets.pages.condition_form import ConditionFormField, builder, sent_condition

WORDS = ["Invoice", "refund", "ÉTÉ", "straße", "100 % off", "a_b", "\\d+", "REFUND été", "", "Ab"]
KINDS = CustomField.Kind
POOL = 60

pytestmark = pytest.mark.django_db


def _some(rng: random.Random, values: list[Any], nothing: float = 0.3) -> Any:
    return None if rng.random() < nothing else rng.choice(values)


@pytest.fixture
def world(team: Team, agent: User, csm: User) -> dict[str, Any]:
    """Sixty tickets with everything that can differ, and what they refer to."""
    rng = random.Random(11)
    now = timezone.now()
    teams = [team, Team.objects.create(name="Tech"), Team.objects.create(name="Law", is_private=True)]
    people = [agent, csm, make_user("lead", "Lena Vogt")]
    accounts = [
        Account.objects.create(
            name=f"Account {index}",
            tier=rng.choice(Account.Tier.values),
            health_band=rng.choice(Account.Band.values),
            arr=rng.choice([0, 1200, 1234.56, 99999]),
            csm=_some(rng, people),
        )
        for index in range(5)
    ]
    contacts = [Contact.objects.create(name=name, account=_some(rng, accounts)) for name in WORDS]
    types = [TicketType.objects.create(name=name) for name in ("Fault", "Wish")]
    categories = [Category.objects.create(name=name, description="") for name in ("Bills", "Bugs")]
    inboxes = [Inbox.objects.create(name=name, channel="email", address=f"{name}@d.example") for name in "ab"]
    tags = [Tag.objects.get_or_create(name=name)[0] for name in ("vip", "refund", "eu")]
    fields = [
        CustomField.objects.create(
            key=kind,
            label=kind,
            kind=kind,
            options=["red", "blue", "other"] if kind in {"choice", "multi"} else [],
        )
        for kind in (
            KINDS.TEXT,
            KINDS.NUMBER,
            KINDS.CHOICE,
            KINDS.MULTI,
            KINDS.DATE,
            KINDS.BOOL,
            KINDS.REFERENCE,
        )
    ]
    statuses = list(Status.objects.all())
    moments = [now + timedelta(hours=hours) for hours in (-2000, -49, -1, -0.5, 0.25, 1, 70)]
    tickets = []
    for index in range(POOL):
        status = rng.choice(statuses)
        tickets.append(
            Ticket(
                number=900_000 + index,
                subject=rng.choice(WORDS) or "-",
                channel=rng.choice(["email", "api", "chat"]),
                account=_some(rng, accounts),
                contact=rng.choice(contacts),
                type=_some(rng, types),
                inbox=_some(rng, inboxes),
                status=status,
                status_category=status.category,
                priority=rng.choice(Ticket.Priority.values),
                category=_some(rng, categories),
                team=_some(rng, teams),
                assignee=_some(rng, people),
                routing_state=rng.choice(Ticket.Routing.values),
                language=_some(rng, ["en", "de"]) or "",
                sentiment_label=_some(rng, ["negative", "neutral", "positive"]) or "",
                says=_some(rng, [" churn ", " bug churn ", " praise "]) or "",
                promise_due_at=_some(rng, moments, 0.6),
                snoozed_until=_some(rng, moments, 0.8),
                escalation_level=rng.choice([0, 1, 2]),
                value_at_risk=rng.choice([0.0, 0.1, 1234.56, 5e5]),
                inbound_count=rng.choice([0, 1, 7]),
                outbound_count=rng.choice([0, 1, 7]),
                reopen_count=rng.choice([0, 1]),
                satisfaction=_some(rng, [1, 5]),
                created_at=rng.choice(moments),
                updated_at=rng.choice(moments),
                last_message_at=rng.choice(moments),
                waiting_since=_some(rng, moments),
                next_due_at=_some(rng, moments),
                resolved_at=_some(rng, moments),
                first_response_breached_at=_some(rng, moments, 0.7),
                resolution_breached_at=_some(rng, moments, 0.7),
                unread=rng.random() < 0.5,
            )
        )
    Ticket.objects.bulk_create(tickets)
    for ticket in tickets:
        TicketTag.objects.bulk_create(TicketTag(ticket=ticket, tag=tag) for tag in tags if rng.random() < 0.4)
        FieldValue.objects.bulk_create(
            value for field in fields for value in _values(rng, ticket, field, now)
        )
    for index, ticket in enumerate(tickets[:24]):
        Follower.objects.create(ticket=ticket, user=people[index % 3])
        note = Message.objects.create(ticket=ticket, kind="note", channel="note", created_at=now)
        Mention.objects.create(message=note, user=people[index % 3], start=0, length=1)
    Ticket.objects.filter(pk__in=[one.pk for one in tickets[:5]]).update(merged_into=tickets[9])
    return {"now": now, "people": people, "fields": all_fields()}


def _values(rng: random.Random, ticket: Ticket, field: CustomField, now: datetime) -> list[FieldValue]:
    if rng.random() < 0.4:
        return []
    made = {
        KINDS.TEXT: lambda: [{"text": rng.choice(WORDS)}],
        KINDS.NUMBER: lambda: [{"number": rng.choice(["0", "0.1", "7.25", "-3"])}],
        KINDS.CHOICE: lambda: [{"text": rng.choice(["red", "blue"])}],
        KINDS.MULTI: lambda: [{"text": text} for text in ("red", "blue") if rng.random() < 0.6],
        KINDS.DATE: lambda: [{"date": date(2026, 3, rng.choice([1, 15, 31]))}],
        KINDS.BOOL: lambda: [{"boolean": rng.random() < 0.5}],
        KINDS.REFERENCE: lambda: [{"text": rng.choice(["1", "2"])}],
    }[KINDS(field.kind)]()
    return [FieldValue(ticket=ticket, field=field, **value) for value in made]


def _value(draw: Any, field: ConditionField, operator: str, now: datetime) -> Any:
    match field.input_kind(operator):
        case "none":
            return None
        case "bool":
            return draw(st.booleans())
        case "number":
            return draw(st.sampled_from([0, 0.1, 1, 2, 5, 7, 7.25, 1234.56, 1200, -3, 99999]))
        case "span":
            return draw(st.sampled_from([60, 1800, 3600, 86_400, 49 * 3600]) | st.integers(1, LONGEST_SPAN))
        case "date":
            days = draw(st.sampled_from(["2026-03-01", "2026-03-15", "2026-03-31"]) | st.integers(-90, 5))
            return days if isinstance(days, str) else (now + timedelta(days=days)).date().isoformat()
        case "choice":
            offered = [key for key, _name in field.options()] or ["1"]
            return draw(st.lists(st.sampled_from(offered), min_size=1, max_size=3))
        case _:
            text = draw(st.sampled_from([word for word in WORDS if word] + ["É", "ss", "%", "_", "\\", "I"]))
            return text.swapcase() if draw(st.booleans()) else text


@st.composite
def conditions(draw: Any, fields: list[ConditionField], now: datetime, depth: int = 3) -> dict[str, Any]:
    if depth and draw(st.integers(0, 2)):
        parts = draw(st.lists(conditions(fields, now, depth - 1), max_size=3))
        return {"match": draw(st.sampled_from(["all", "any", "none"])), "of": parts}
    field = draw(st.sampled_from(fields))
    operator = draw(st.sampled_from(sorted(field.operators)))
    return {"field": field.key, "is": operator, "value": _value(draw, field, operator, now)}


def _loaded() -> list[Ticket]:
    return list(
        Ticket.objects.select_related("account", "contact", "status").prefetch_related(
            "ticket_tags__tag", "field_values"
        )
    )


def _agree(condition: dict[str, Any], tickets: list[Ticket], me: int | None, now: datetime) -> None:
    selected = set(Ticket.objects.filter(as_q(condition, me=me, now=now)).values_list("pk", flat=True))
    fields = ConditionFields()
    judged = {one.pk for one in tickets if holds(condition, one, me=me, now=now, fields=fields)}
    assert selected == judged


def test_database_and_row_agree(world: dict[str, Any]) -> None:
    tickets = _loaded()

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        # a group of groups of clauses: three deep, as allowed
        condition = check_condition(data.draw(conditions(world["fields"], world["now"], 2)))
        me = data.draw(st.sampled_from([None, world["people"][0].pk]))
        _agree(condition, tickets, me, world["now"])
        assert in_words(condition)
        assert check_condition(json.loads(json.dumps(condition))) == condition

    agree()


def test_every_clause_of_every_field_agrees_and_is_not_trivial(world: dict[str, Any]) -> None:
    """Each operator of each field once; none of them, over all values, is always true or always false for everybody."""
    tickets, now = _loaded(), world["now"]

    for field in world["fields"]:
        for operator in field.operators:
            seen: set[int] = set()
            for value in _samples(field, operator, now):
                condition = check_condition({"field": field.key, "is": operator, "value": value})
                _agree(condition, tickets, world["people"][0].pk, now)
                seen.add(Ticket.objects.filter(as_q(condition, me=world["people"][0].pk, now=now)).count())
            always_set = field.key in {"created_at", "last_message_at", "updated_at"} and operator.endswith(
                "empty"
            )
            assert seen - {0, POOL} or always_set, (field.key, operator)


def _samples(field: ConditionField, operator: str, now: datetime) -> list[Any]:
    kind = field.input_kind(operator)
    if kind == "choice":
        return [[key] for key, _name in field.options()[:8]]
    return {
        "none": [None],
        "bool": [True, False],
        "number": [0, 0.1, 1, 5, 1234.56, 1_000_000],
        "span": [1801, 7200, 100 * 3600],
        "date": ["2026-03-15", now.date().isoformat()],
        "text": ["refund", "É", "1", "a_b", "\\d"],
    }[kind]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "priority",
        {"of": "x"},
        {"match": "few", "of": []},
        {"field": "password", "is": "in", "value": ["x"]},
        {"field": "field:unknown", "is": "in", "value": ["x"]},
        {"field": "priority", "is": "contains", "value": "x"},
        {"field": "priority", "is": "in", "value": ["x"]},
        {"field": "priority", "is": "in", "value": []},
        {"field": "priority", "is": "in", "value": None},
        {"field": "team", "is": "in", "value": ["9" * 30]},
        {"field": "team", "is": "in", "value": ["a\x00b"]},
        {"field": "arr", "is": "at_least", "value": "much"},
        {"field": "arr", "is": "at_least", "value": "NaN"},
        {"field": "subject", "is": "contains", "value": ""},
        {"field": "created_at", "is": "older_than", "value": -1},
        {"field": "created_at", "is": "before", "value": "yesterday"},
        {"field": "unread", "is": "is", "value": "perhaps"},
        {"of": [{"of": [{"of": [{"of": []}]}]}]},
        {"of": [{"field": "unread", "is": "is", "value": True}] * 51},
    ],
)
def test_nonsense_is_refused_with_a_sentence(wrong: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        check_condition(wrong or [1])
    assert refusal.value.messages[0].endswith(".")


def test_time_and_persons_are_noticed() -> None:
    late = {"field": "next_due_at", "is": "within_next", "value": 3600}
    mine = {"field": "assignee", "is": "in", "value": ["me"]}
    assert depends_on_time({"match": "any", "of": [mine, late]})
    assert not depends_on_time(mine)
    assert asks_for_me({"match": "all", "of": [late, mine]})
    assert not asks_for_me(late)


def test_a_field_that_is_gone_holds_for_nothing() -> None:
    condition = {"field": "field:gone", "is": "in", "value": ["x"]}
    assert not Ticket.objects.filter(as_q(condition, me=None, now=timezone.now())).exists()
    assert not holds(condition, Ticket(), me=None, now=timezone.now())
    assert "gone" in in_words(condition)


# --- the builder in forms -----------------------------------------------------------------------------------------------


def test_the_form_field_takes_json_and_plain_rows(team: Team) -> None:
    field = ConditionFormField(required=False)
    wanted = {
        "match": "all",
        "of": [
            {"field": "team", "is": "in", "value": [str(team.pk), "none"]},
            {"field": "created_at", "is": "older_than", "value": 3 * 86_400},
            {
                "match": "any",
                "of": [
                    {"field": "unread", "is": "is", "value": True},
                    {"field": "priority", "is": "in", "value": ["high"]},
                ],
            },
        ],
    }
    assert field.clean(json.dumps(wanted)) == wanted
    plain = QueryDict(mutable=True)
    plain.setlist("where-field", ["team", "unread", "created_at", "priority", ""])
    plain.setlist("where-is", ["in", "is", "older_than", "in", ""])
    plain.setlist("where-value", ["Billing, none", "yes", "3d", "High", ""])
    plain.setlist("where-group", ["", "1", "", "1", ""])
    assert field.clean(sent_condition(plain, "where")) == wanted
    assert field.clean("") == {}
    for wrong in ("{", "[1]", '{"field":"x"}'):
        with pytest.raises(ValidationError):
            field.clean(wrong)
    with pytest.raises(ValidationError):
        ConditionFormField().clean("")


def test_the_builder_names_what_is_chosen(team: Team) -> None:
    condition = check_condition({"field": "team", "is": "in", "value": [team.pk]})
    parts = builder(condition)
    assert parts["data"]["names"] == {"team": {str(team.pk): "Billing"}}
    html = ConditionFormField().widget.render("where", condition)
    assert 'name="where"' in html
    assert "Billing" in html


def test_values_are_found_by_name(login: Any, agent: User, team: Team) -> None:
    browser: Client = login(agent)

    def found(**asked: str) -> list[list[str]]:
        return list(browser.get("/inbox/conditions/options/", asked).json()["options"])

    assert found(field="team", q="bill") == [[str(team.pk), "Billing"]]
    assert ["me", "me"] in found(field="assignee", q="")
    assert found(field="nothing", q="") == []
    assert [key for key, _name in found(field="priority", q="high")] == ["high"]
