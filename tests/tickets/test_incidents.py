"""The page of incidents, and their REST with its settings."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Account
from people.models import Team, User
from tickets.models import Incident, IncidentTicket, Ticket, TicketLink
from tickets.services.change_status import change_status
from tickets.services.receive_message import Received
from tickets.similar_rules import similar_rules

Write = Callable[..., Received]
Login = Callable[[User], Client]
PAGE = "/inbox/incidents/"


@pytest.fixture
def said(write: Write) -> Callable[..., list[Ticket]]:
    """Tickets of several people in a proposed incident; ``said(2, arr=100)``: of a company of its own."""

    def make(
        count: int = 3, *, subject: str = "Export stuck", arr: int = 0, currency: str = "EUR"
    ) -> list[Ticket]:
        now = timezone.now()
        tickets = [
            write(subject, subject=subject, sender=f"p{n}@{subject.replace(' ', '')}.example").ticket
            for n in range(count)
        ]
        account = Account.objects.create(name=f"{subject} Ltd", arr=arr, currency=currency) if arr else None
        incident = Incident.objects.create(proposed_at=now)
        for n, one in enumerate(tickets):
            one.account, one.created_at = account, now - timedelta(hours=count - n)
            one.save()
            IncidentTicket.objects.create(incident=incident, ticket=one, cosine=0.9, added_at=now)
        return tickets

    return make


def test_the_page_tells_who_is_touched_and_what_became_of_it(
    said: Callable[..., list[Ticket]], agent: User, login: Login
) -> None:
    first, *others = said(3, arr=12_000)
    other = said(2, subject="Slow pages", arr=5_000, currency="USD")
    html = login(agent).get(PAGE).content.decode()
    assert html.index("Slow pages") < html.index("Export stuck")  # newest first
    assert f"#{first.number}</span> Export stuck" in html
    assert "Export stuck Ltd" in html
    assert "€12k" in html or "€12,000" in html or "12" in html
    for one in [first, *others]:
        change_status(ticket=one, status="resolved", by=agent.as_viewer())
    browser = login(agent)
    assert "Export stuck" not in browser.get(PAGE).content.decode()
    assert "Export stuck" in browser.get(f"{PAGE}?state=resolved").content.decode()
    assert "Slow pages" not in browser.get(f"{PAGE}?state=resolved").content.decode()
    assert "data-row-link" in browser.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert other[0].pk


def test_incidents_are_decided_on_the_page(
    said: Callable[..., list[Ticket]], agent: User, analyst: User, login: Login
) -> None:
    first, *others = said(3)
    incident = Incident.objects.get()
    reader = login(analyst)
    assert "Make one incident" not in reader.get(PAGE).content.decode()
    assert reader.post(f"{PAGE}{incident.pk}/confirm/").status_code == 403
    browser = login(agent)
    answer = browser.post(f"{PAGE}{incident.pk}/confirm/?state=open", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "Not the same" not in answer.content.decode()
    assert TicketLink.objects.filter(from_ticket=first, to_ticket__in=others, kind="parent").count() == 2
    said(2, subject="Slow pages")
    other = Incident.objects.latest("pk")
    assert browser.post(f"{PAGE}{other.pk}/dismiss/").status_code == 302
    assert "Slow pages" in browser.get(f"{PAGE}?state=dismissed").content.decode()


def test_nobody_learns_of_tickets_that_they_do_not_see(
    said: Callable[..., list[Ticket]], csm: User, lawyer: User, private_team: Team, login: Login
) -> None:
    _first, *others = said(3, arr=12_000)
    Ticket.objects.filter(pk__in=[one.pk for one in others]).update(team=private_team)
    incident = Incident.objects.get()
    seen = login(csm).get(PAGE).content.decode()
    assert "0 open" not in seen
    assert "1 person" in seen
    Ticket.objects.update(team=private_team)
    assert "Export stuck" not in login(csm).get(PAGE).content.decode()
    assert "Export stuck" in login(lawyer).get(PAGE).content.decode()
    assert login(csm).post(f"{PAGE}{incident.pk}/confirm/").status_code in (403, 404)


def test_the_number_of_queries_does_not_grow_and_older_ones_follow(
    said: Callable[..., list[Ticket]], agent: User, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = login(agent)
    said(2, subject="One", arr=1)
    browser.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        browser.get(PAGE)
    for number in range(3):
        said(3, subject=f"More {number}", arr=5)
    with CaptureQueriesContext(connection) as many:
        browser.get(PAGE)
    assert len(many) == len(few)
    monkeypatch.setattr("tickets.pages.incidents.PAGE_SIZE", 3)
    html = browser.get(PAGE).content.decode()
    assert "One</a>" not in html
    older = Incident.objects.order_by("-pk")[2].pk
    assert f"state=open&amp;before={older}" in html
    assert "One</a>" in browser.get(f"{PAGE}?state=open&before={older}").content.decode()


def test_rest_tells_the_same_and_sets_the_rules(said: Callable[..., list[Ticket]], api: Any) -> None:
    first, *_others = said(3, arr=12_000)
    reader = api("tickets:read", "accounts:read")
    [row] = reader.get("/api/v1/incidents/?progress=open").data["results"]
    assert (row["open_tickets"], row["accounts"], row["arr"]) == (
        3, [first.account_id], {"EUR": Decimal("12000.00")},
    )  # fmt: skip
    assert row["first_at"] < row["last_at"]
    assert reader.get("/api/v1/incidents/?progress=resolved").data["results"] == []
    assert reader.get("/api/v1/incidents/?progress=odd").status_code == 400
    assert api("tickets:read").get("/api/v1/incidents/").data["results"][0]["arr"] is None
    rules = {"is_on": True, "incidents": True, "threshold": 0.9, "hours": 12, "fewest": 5}
    assert reader.put("/api/v1/similar-rules/", rules, format="json").status_code == 403
    setter = api("tickets:configure")
    assert setter.get("/api/v1/similar-rules/").data["threshold"] == 0.8
    assert setter.put("/api/v1/similar-rules/", rules, format="json").data == rules
    assert similar_rules().fewest == 5
    assert setter.put("/api/v1/similar-rules/", rules | {"threshold": 0.2}, format="json").status_code == 400
