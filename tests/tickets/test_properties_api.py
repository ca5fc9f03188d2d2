"""The ticket's properties over REST."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from people.models import User
from tickets.models import CustomField, Status, Tag, Ticket, TicketType, TimeEntry
from tickets.services.change_tags import change_tags
from tickets.services.log_time import log_time
from tickets.services.receive_message import Received
from tickets.services.set_field_values import set_field_values

Write = Callable[..., Received]
TICKETS = "/api/v1/tickets/"


@pytest.fixture
def rest(api: Callable[..., APIClient]) -> APIClient:
    """A client that may read and write tickets."""
    return api("tickets:read", "tickets:write")


@pytest.fixture
def kinds(db: None) -> list[CustomField]:
    """One field of each kind that needs no other row."""
    options = ["Berlin", "Oslo", "São Paulo"]
    return [
        CustomField.objects.create(key=kind, label=kind, kind=kind, options=options)
        for kind in ("text", "number", "choice", "multi", "date", "bool")
    ]


def body(**more: Any) -> dict[str, Any]:
    """A new ticket."""
    return {
        "subject": "Late",
        "body": "Where is it?",
        "contact": {"email": "mette@halden.example"},
        "channel": "api",
        **more,
    }


def test_a_ticket_is_made_with_all_its_properties(
    rest: APIClient, kinds: list[CustomField], inbox: Any
) -> None:
    TicketType.objects.create(name="Incident", checklist=["Find the cause"])
    until = timezone.now() + timedelta(days=2)
    answer = rest.post(
        TICKETS,
        body(
            type="incident",
            tags=["VIP", "late  delivery"],
            language="de",
            fields={"text": "A-17", "number": 2.5, "multi": ["Oslo"], "bool": False, "date": "2026-05-01"},
            snoozed_until=until.isoformat(),
        ),
        format="json",
    )
    assert answer.status_code == 201, answer.data
    found = rest.get(f"{TICKETS}{answer.data['id']}/").data
    for shown in (answer.data, found):
        assert shown["type"]["name"] == "Incident"
        assert shown["tags"] == ["late delivery", "vip"]
        assert shown["language"] == "de"
        assert shown["fields"] == {
            "text": "A-17", "number": 2.5, "multi": ["Oslo"], "bool": False, "date": "2026-05-01",
        }  # fmt: skip
        assert parse_datetime(str(shown["snoozed_until"])) == until
    checklist = rest.get(f"{TICKETS}{answer.data['id']}/checklist/").data["results"]
    assert [step["text"] for step in checklist] == ["Find the cause"]


def test_a_ticket_without_properties_says_so(rest: APIClient, inbox: Any) -> None:
    made = rest.post(TICKETS, body(), format="json").data
    found = rest.get(f"{TICKETS}{made['id']}/").data
    for shown in (made, found):
        assert (shown["type"], shown["tags"], shown["fields"], shown["snoozed_until"]) == (None, [], {}, None)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"fields": {"number": "many"}}, "field:number"),
        ({"fields": {"nothing": 1}}, "field:nothing"),
        ({"tags": ["a,b"]}, "tags"),
        ({"language": "German!"}, "language"),
        ({"type": "Unknown"}, "type"),
        ({"snoozed_until": "2001-01-01T00:00:00Z"}, "snoozed_until"),
    ],
)
def test_what_is_refused_makes_no_ticket_and_changes_none(
    rest: APIClient, kinds: list[CustomField], ticket: Ticket, wanted: dict[str, Any], named: str
) -> None:
    answer = rest.post(TICKETS, body(**wanted), format="json")
    assert answer.status_code == 400
    assert named in answer.data["errors"]
    assert Ticket.objects.count() == 1
    answer = rest.patch(f"{TICKETS}{ticket.pk}/", {"priority": "urgent", **wanted}, format="json")
    assert answer.status_code == 400
    ticket.refresh_from_db()
    assert ticket.priority == "normal"


def test_tags_are_replaced_and_a_required_field_may_come_with_the_status(
    rest: APIClient, ticket: Ticket
) -> None:
    CustomField.objects.create(key="cause", label="Cause", kind="text", required_on_resolve=True)
    address = f"{TICKETS}{ticket.pk}/"
    assert rest.patch(address, {"tags": ["one", "two"]}, format="json").data["tags"] == ["one", "two"]
    assert rest.patch(address, {"tags": ["two", "three"]}, format="json").data["tags"] == ["three", "two"]
    refused = rest.patch(address, {"status": "resolved"}, format="json")
    assert refused.status_code == 400
    assert "Cause" in str(refused.data["errors"]["status"])
    both = rest.patch(address, {"status": "resolved", "fields": {"cause": "A cable"}}, format="json")
    assert both.status_code == 200
    assert both.data["status"] == "resolved"


text_values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60).map(
    str.strip
)
numbers = st.decimals(
    min_value=Decimal(-(10**8)), max_value=Decimal(10**8), places=6, allow_nan=False, allow_infinity=False
).map(lambda one: int(one) if one == int(one) else float(one))
values = st.fixed_dictionaries(
    {},
    optional={
        "text": text_values,
        "number": numbers,
        "choice": st.sampled_from(["Berlin", "Oslo", "São Paulo"]),
        "multi": st.lists(st.sampled_from(["Berlin", "Oslo", "São Paulo"]), unique=True).map(sorted),
        "date": st.dates().map(lambda one: one.isoformat()),
        "bool": st.booleans(),
    },
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=values)
def test_what_is_put_into_fields_comes_out_of_them(
    rest: APIClient, kinds: list[CustomField], ticket: Ticket, wanted: dict[str, Any]
) -> None:
    address = f"{TICKETS}{ticket.pk}/"
    cleared = dict.fromkeys(["text", "number", "choice", "multi", "date", "bool"])
    answer = rest.patch(address, {"fields": {**cleared, **wanted}}, format="json")
    assert answer.status_code == 200, answer.data
    held = {key: value for key, value in wanted.items() if value not in ("", [])}
    assert answer.json()["fields"] == held
    assert rest.get(address).json()["fields"] == held


def test_lists_cost_the_same_whatever_the_tickets_hold(
    rest: APIClient, kinds: list[CustomField], write: Write, agent: User
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert rest.get(TICKETS).status_code == 200
        return len(captured)

    incident = TicketType.objects.create(name="Incident")
    write()
    queries()  # the key's last use is written once a minute
    before = queries()
    for number in range(6):
        made = write(str(number)).ticket
        Ticket.objects.filter(pk=made.pk).update(type=incident)
        change_tags(ticket=made, add=[f"t{number}", "all"], by=agent.as_viewer())
        set_field_values(ticket=made, values={"text": "x", "multi": ["Oslo", "Berlin"]}, by=agent.as_viewer())
    # tags and values have rows now: one query each for the names they point to, joined in
    assert queries() == before


def test_tickets_are_found_by_type_and_tag(rest: APIClient, write: Write, agent: User) -> None:
    tagged, typed = write("1").ticket, write("2").ticket
    incident = TicketType.objects.create(name="Incident")
    change_tags(ticket=tagged, add=["vip"], by=agent.as_viewer())
    Ticket.objects.filter(pk=typed.pk).update(type=incident)

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in rest.get(TICKETS, query).data["results"]]

    assert found(tag="VIP") == [tagged.pk]
    assert found(type=incident.pk) == [typed.pk]
    assert found(type="none") == [tagged.pk]


def test_a_new_ticket_is_in_the_language_of_its_contact(write: Write, contact: Any) -> None:
    contact.language = "de"
    contact.save()
    assert write("Guten Tag").ticket.language == "de"


def test_snooze_is_put_read_and_deleted(rest: APIClient, ticket: Ticket) -> None:
    address = f"{TICKETS}{ticket.pk}/snooze/"
    assert rest.get(address).data["snoozed_until"] is None
    until = timezone.now() + timedelta(hours=5)
    assert rest.put(address, {"until": until.isoformat()}, format="json").status_code == 200
    ticket.refresh_from_db()
    assert ticket.snoozed_until == until
    assert rest.put(address, {"until": "2001-01-01T00:00:00Z"}, format="json").status_code == 400
    assert rest.delete(address).data["snoozed_until"] is None


def test_the_checklist_is_kept_over_rest(rest: APIClient, ticket: Ticket) -> None:
    address = f"{TICKETS}{ticket.pk}/checklist/"
    made = [rest.post(address, {"text": text}, format="json").data["id"] for text in ("Ask", "Fix", "Tell")]
    changed = rest.patch(
        f"{address}{made[2]}/", {"done": True, "position": 0, "text": "Tell them"}, format="json"
    )
    assert (changed.data["text"], changed.data["position"]) == ("Tell them", 0)
    assert changed.data["done_at"] is not None
    assert rest.delete(f"{address}{made[0]}/").status_code == 204
    assert [one["text"] for one in rest.get(address).data["results"]] == ["Tell them", "Fix"]
    assert rest.post(address, {"text": "x" * 201}, format="json").status_code == 400
    assert rest.patch(f"{address}{made[0]}/", {"done": True}, format="json").status_code == 404


def test_worked_time_is_kept_over_rest(rest: APIClient, ticket: Ticket, agent: User) -> None:
    address = f"{TICKETS}{ticket.pk}/time/"
    made = rest.post(address, {"minutes": 30, "note": "Call", "user": agent.email}, format="json")
    assert made.status_code == 201
    assert made.data["user"]["id"] == agent.pk
    rest.post(address, {"minutes": 15}, format="json")
    assert rest.get(address).data["minutes"] == 45
    entry = f"{address}{made.data['id']}/"
    assert rest.patch(entry, {"minutes": 20}, format="json").data["note"] == "Call"
    assert rest.patch(entry, {"minutes": 2000}, format="json").status_code == 400
    assert rest.delete(entry).status_code == 204
    assert TimeEntry.objects.get().minutes == 15


def test_a_person_logs_and_changes_their_own_time_only(
    ticket: Ticket, agent: User, lead_user: User, login: Callable[[User], Client]
) -> None:
    browser, json = login(agent), "application/json"
    address = f"{TICKETS}{ticket.pk}/time/"
    answer = browser.post(address, {"minutes": 5, "user": lead_user.email}, content_type=json)
    assert answer.status_code == 403
    entry = log_time(ticket=ticket, minutes=30, by=lead_user.as_viewer())
    assert browser.patch(f"{address}{entry.pk}/", {"minutes": 5}, content_type=json).status_code == 403
    assert browser.delete(f"{address}{entry.pk}/").status_code == 403


def test_what_there_is_can_be_read(rest: APIClient, kinds: list[CustomField]) -> None:
    TicketType.objects.create(name="Incident", checklist=["Find it"])
    Tag.objects.create(name="vip")
    statuses = rest.get("/api/v1/ticket-statuses/").data["results"]
    assert [one["key"] for one in statuses] == list(Status.objects.values_list("key", flat=True))
    assert rest.get("/api/v1/ticket-types/").data["results"][0]["checklist"] == ["Find it"]
    assert [one["key"] for one in rest.get("/api/v1/ticket-fields/").data["results"]] == [
        field.key for field in kinds
    ]
    assert [one["name"] for one in rest.get("/api/v1/tags/").data["results"]] == ["vip"]


def test_a_private_ticket_is_reached_through_none_of_the_doors(
    ticket: Ticket, private_team: Any, agent: User, login: Callable[[User], Client]
) -> None:
    entry = log_time(ticket=ticket, minutes=30, by=agent.as_viewer())
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team, assignee=None)
    browser, json = login(agent), "application/json"
    base = f"{TICKETS}{ticket.pk}/"
    for address in ("snooze/", "checklist/", "time/"):
        assert browser.get(base + address).status_code == 404
    until = (timezone.now() + timedelta(days=1)).isoformat()
    assert browser.put(f"{base}snooze/", {"until": until}, content_type=json).status_code == 404
    assert browser.post(f"{base}checklist/", {"text": "x"}, content_type=json).status_code == 404
    assert browser.post(f"{base}time/", {"minutes": 5}, content_type=json).status_code == 404
    assert browser.delete(f"{base}time/{entry.pk}/").status_code == 404


def test_a_key_that_may_only_read_changes_nothing(api: Callable[..., APIClient], ticket: Ticket) -> None:
    rest = api("tickets:read")
    base = f"{TICKETS}{ticket.pk}/"
    assert rest.post(f"{base}checklist/", {"text": "x"}, format="json").status_code == 403
    assert rest.post(f"{base}time/", {"minutes": 5}, format="json").status_code == 403
    assert rest.put(f"{base}snooze/", {"until": "2030-01-01T00:00:00Z"}, format="json").status_code == 403
