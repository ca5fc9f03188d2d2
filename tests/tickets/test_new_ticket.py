"""A ticket opened with all that is known about it: the form, and the same over REST."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from customers.models import Account, Contact
from people.models import Team, TeamMembership, User
from people.viewer import system_viewer
from tests.conftest import make_user
from tests.tickets.conftest import suggestion
from tickets.models import CustomField, FieldValue, Tag, Ticket, TicketType
from tickets.services.route_ticket import route_ticket

Login = Callable[[User], Client]
NEW, PROPERTIES, TICKETS = "/inbox/new/", "/inbox/new/properties/", "/api/v1/tickets/"


@pytest.fixture
def browser(agent: User, login: Login) -> Client:
    """The agent."""
    return login(agent)


@pytest.fixture
def incident(db: None) -> TicketType:
    """A type with a step."""
    return TicketType.objects.create(name="Incident", checklist=["Find the cause"])


def field(key: str, kind: str = "text", types: tuple[TicketType, ...] = (), **more: Any) -> CustomField:
    row = CustomField.objects.create(key=key, label=key.capitalize(), kind=kind, **more)
    row.types.set(types)
    return row


def form(**more: Any) -> dict[str, Any]:
    return {
        "contact_email": "mette@halden.example",
        "channel": "phone",
        "subject": "Called twice",
        "body": "Please call back",
        **more,
    }


def shown(response: Any) -> str:
    text: str = response.content.decode()
    return text


def test_everything_that_is_known_is_set(
    browser: Client, agent: User, team: Team, contact: Contact, incident: TicketType, account: Account
) -> None:
    field("cause", types=(incident,))
    field("people", "number")
    field("places", "multi", options=["Oslo", "Berlin"])
    field("since", "date")
    field("urgent", "bool")
    field("customer", "reference", reference="account")
    field("before", "reference", reference="ticket")
    old = browser.post(NEW, form())
    before = Ticket.objects.get()
    assert old.status_code == 302
    answer = browser.post(
        NEW,
        form(
            type=incident.pk,
            priority="high",
            language="de",
            tags="VIP, late delivery,",
            cc="boss@halden.example; other@halden.example",
            team=team.pk,
            assignee=agent.pk,
            **{
                "field-cause": "A cable",
                "field-people": "12",
                "field-places": ["Oslo", "Berlin"],
                "field-since": "2026-05-01",
                "field-urgent": "true",
                "field-customer": f"{account} #{account.pk}",
                "field-before": f"#{before.number} {before.subject}",
            },
        ),
    )
    ticket = Ticket.objects.latest("pk")
    assert answer.status_code == 302, shown(answer)
    assert answer["Location"] == reverse("inbox-ticket", args=[ticket.pk])
    assert (ticket.type, ticket.priority, ticket.language) == (incident, "high", "de")
    assert (ticket.team, ticket.assignee, ticket.routing_state) == (team, agent, "manual")
    assert sorted(one.tag.name for one in ticket.ticket_tags.all()) == ["late delivery", "vip"]
    assert {one.contact.email for one in ticket.carbon_copies.all()} == {
        "boss@halden.example",
        "other@halden.example",
    }
    values = {
        row.field.key: row.text or row.number or row.date or row.boolean for row in ticket.field_values.all()
    }
    assert values["cause"] == "A cable"
    assert values["customer"] == str(account.pk)
    assert values["before"] == str(before.pk)
    assert set(values) == {"cause", "people", "places", "since", "urgent", "customer", "before"}
    assert [step.text for step in ticket.checklist.all()] == ["Find the cause"]


def test_the_fields_follow_what_is_filled_in_and_keep_what_was_typed(
    browser: Client, incident: TicketType, contact: Contact
) -> None:
    field("always")
    field("cause", types=(incident,), required_on_resolve=True)
    field("wide", condition={"field": "field:cause", "is": "contains", "value": "network"})
    field("special", condition={"field": "tags", "is": "any", "value": ["vip"]})
    field("big", condition={"field": "account_tier", "is": "in", "value": ["enterprise"]})
    first = shown(browser.get(NEW))
    assert "field-always" in first
    assert "field-cause" not in first
    assert 'name="shape" value=" always"' in first
    sent = form(shape=" always", **{"field-always": "typed before"})
    sent["contact_email"] = ""
    # nothing that matters has changed: the page keeps its inputs as they are
    assert browser.post(PROPERTIES, sent).status_code == 204
    part = shown(browser.post(PROPERTIES, sent | {"type": incident.pk}))
    assert 'value="typed before"' in part
    assert "field-cause" in part
    assert "Required to resolve." in part
    assert "field-wide" not in part
    assert "field-error" not in part
    part = shown(
        browser.post(
            PROPERTIES,
            sent
            | {
                "type": incident.pk,
                "field-cause": "The network",
                "tags": "VIP",
                "contact_email": contact.email,
            },
        )
    )
    assert [key for key in ("wide", "special", "big") if f'name="field-{key}"' not in part] == []
    assert 'value="The network"' in part


def test_a_value_of_a_field_that_depends_on_tags_may_come_with_them(browser: Client) -> None:
    field("special", condition={"field": "tags", "is": "any", "value": ["vip"]})
    assert browser.post(NEW, form(tags="vip", **{"field-special": "x"})).status_code == 302
    assert FieldValue.objects.get().text == "x"


def test_what_is_refused_is_said_beside_its_field_and_nothing_is_lost(
    browser: Client, incident: TicketType
) -> None:
    field("people", "number", types=(incident,))
    sent = form(type=incident.pk, tags="a" * 60, cc="no address", language="de", **{"field-people": "many"})
    refused = browser.post(NEW, sent)
    page = shown(refused)
    assert refused.status_code == 422
    assert not Ticket.objects.exists()
    # one service after the other speaks: what it says stands beside the field
    assert 'id="id_tags_error"' in page
    for kept in ("Called twice", "Please call back", "a" * 60, "no address", "many"):
        assert kept in page
    page = shown(browser.post(NEW, sent | {"tags": "vip"}))
    assert 'id="id_field-people_error"' in page
    page = shown(browser.post(NEW, sent | {"tags": "vip", "field-people": "5"}))
    assert 'id="id_cc_error"' in page
    assert not Ticket.objects.exists()
    assert not Tag.objects.exists()


def test_the_menu_of_people_follows_the_team(browser: Client, agent: User, team: Team) -> None:
    other = make_user("agent", "Someone Else")
    assert str(other) in shown(browser.get(NEW))
    part = shown(browser.post(PROPERTIES, form(shape="", team=team.pk)))
    assert str(agent) in part
    assert str(other) not in part
    refused = browser.post(NEW, form(team=team.pk, assignee=other.pk))
    assert refused.status_code == 422
    assert 'id="id_assignee_error"' in shown(refused)


def test_each_sets_what_they_may(csm: User, analyst: User, login: Login, incident: TicketType) -> None:
    field("cause")
    page = shown(login(csm).get(NEW))
    assert 'name="cc"' in page
    assert not [name for name in ("type", "priority", "tags", "team", "assignee") if f'name="{name}"' in page]
    assert "field-cause" not in page
    # what is sent all the same is not set
    assert login(csm).post(NEW, form(type=incident.pk, priority="high", tags="x")).status_code == 302
    ticket = Ticket.objects.get()
    assert (ticket.type, ticket.priority, ticket.ticket_tags.count()) == (None, "normal", 0)
    assert login(analyst).get(NEW).status_code == 403
    assert login(analyst).post(PROPERTIES, form()).status_code == 403


def test_nobody_opens_a_ticket_where_they_do_not_see_it(
    browser: Client, agent: User, lead_user: User, private_team: Team, login: Login
) -> None:
    assert str(private_team) not in shown(browser.get(NEW))
    assert browser.post(NEW, form(team=private_team.pk)).status_code == 422
    json = {"subject": "x", "body": "y", "contact": {"email": "a@b.example"}, "team": private_team.pk}
    refused = browser.post(TICKETS, json, content_type="application/json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["team"])
    assert not Ticket.objects.exists()
    assert login(lead_user).post(NEW, form(team=private_team.pk)).status_code == 302
    assert Ticket.objects.get().team == private_team


def test_suggestions_go_on_where_one_types(browser: Client, contact: Contact, account: Account) -> None:
    Tag.objects.create(name="vip")
    Tag.objects.create(name="vip gone", is_active=False)
    assert 'value="new, vip"' in shown(browser.get("/inbox/new/tags/", {"tags": "new, vi"}))
    assert "gone" not in shown(browser.get("/inbox/new/tags/", {"tags": "vi"}))
    copies = shown(browser.get("/inbox/new/copies/", {"cc": "a@b.example, mett"}))
    assert 'value="a@b.example, mette@halden.example"' in copies
    field("customer", "reference", reference="account")
    found = shown(browser.get("/inbox/new/references/customer/", {"field-customer": "hald"}))
    assert f'value="{account} #{account.pk}"' in found
    assert browser.get("/inbox/new/references/nothing/").status_code == 404


def test_the_form_costs_the_same_however_many_fields_and_people_there_are(browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(NEW).status_code == 200
        return len(captured)

    field("first")
    queries()  # statuses are kept from then on
    before = queries()
    for number in range(8):
        field(f"more_{number}")
        make_user("agent", f"Agent{number} X")
        TicketType.objects.create(name=f"Type {number}")
    assert queries() == before


# --- REST -------------------------------------------------------------------------------------------------------------


def body(**more: Any) -> dict[str, Any]:
    return {"subject": "Late", "body": "Where is it?", "contact": {"email": "mette@halden.example"}, **more}


def test_rest_opens_a_ticket_with_the_same(
    api: Callable[..., APIClient], team: Team, agent: User, contact: Contact, incident: TicketType
) -> None:
    rest = api("tickets:write")
    wanted = {
        "type": "incident", "priority": "urgent", "team": team.name, "assignee": agent.email,
        "cc": ["boss@halden.example"], "tags": ["vip"], "external_id": "7",
    }  # fmt: skip
    made = rest.post(TICKETS, body(**wanted), format="json")
    assert made.status_code == 201, made.data
    assert (made.data["priority"], made.data["team"]["id"], made.data["assignee"]["id"]) == (
        "urgent", team.pk, agent.pk,
    )  # fmt: skip
    assert Ticket.objects.get().carbon_copies.get().contact.email == "boss@halden.example"
    # the same message again changes nothing
    again = rest.post(TICKETS, body(**wanted | {"priority": "low"}), format="json")
    assert (again.status_code, again.data["priority"]) == (200, "urgent")


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"priority": "huge"}, "priority"),
        ({"team": "Nobody"}, "team"),
        ({"assignee": "nobody@desk.example"}, "assignee"),
        ({"cc": ["no address"]}, "cc"),
        ({"cc": ["mette@halden.example"]}, "cc"),
        ({"cc": ["a@b.example"] * 51}, "cc"),
        ({"category": 77}, "category"),
    ],
)
def test_rest_names_what_is_wrong_and_opens_nothing(
    api: Callable[..., APIClient], wanted: dict[str, Any], named: str
) -> None:
    refused = api("tickets:write").post(TICKETS, body(**wanted), format="json")
    assert (refused.status_code, list(refused.data["errors"])) == (400, [named])
    assert not Ticket.objects.exists()


def test_an_assignee_of_another_team_is_refused(api: Callable[..., APIClient], team: Team) -> None:
    other = make_user("agent", "Someone Else")
    wanted = body(team=team.pk, assignee=other.pk)
    refused = api("tickets:write").post(TICKETS, wanted, format="json")
    assert list(refused.data["errors"]) == ["assignee"]
    TeamMembership.objects.create(team=team, user=other)
    assert api("tickets:write").post(TICKETS, wanted, format="json").status_code == 201


def test_a_role_needs_the_permission_for_each(csm: User, login: Login) -> None:
    browser, json = login(csm), "application/json"
    assert browser.post(TICKETS, body(), content_type=json).status_code == 201
    assert browser.post(TICKETS, body(cc=["a@b.example"]), content_type=json).status_code == 201
    assert browser.post(TICKETS, body(priority="high"), content_type=json).status_code == 403
    assert Ticket.objects.count() == 2


def test_routing_leaves_a_priority_that_somebody_gave(api: Callable[..., APIClient], category: Any) -> None:
    made = api("tickets:write").post(TICKETS, body(priority="urgent"), format="json").data
    said = suggestion("Where is it?", True)
    object.__setattr__(said, "priority", suggestion("x", True, "low").prediction)
    route_ticket(ticket_id=made["id"], suggestion=said, by=system_viewer("task"))
    ticket = Ticket.objects.get()
    assert (ticket.priority, ticket.category) == ("urgent", category)
