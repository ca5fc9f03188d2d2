"""Similar tickets beside a ticket, macros that fit, and incidents made of tickets that say the same."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Notification
from customers.services.erase_contact import erase_contact
from ml.models import SubjectVector
from people.models import Team, User
from tests.tickets.conftest import FakeMinds
from tickets.models import Incident, IncidentTicket, Macro, SimilarTickets, Ticket, TicketLink
from tickets.services import find_similar
from tickets.services.change_status import change_status
from tickets.services.find_similar import catch_up
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_macro import save_macro
from tickets.services.save_similar_rules import save_similar_rules
from tickets.similar import similar_to
from tickets.similar_rules import SimilarRules

Write = Callable[..., Received]
Login = Callable[[User], Client]
Pump = Callable[[], int]

pytestmark = pytest.mark.usefixtures("minds")
STUCK = "The export of the monthly report to spreadsheet is stuck at ninety percent"


@pytest.fixture
def solved(write: Write, agent: User, minds: FakeMinds, pump: Pump) -> Ticket:
    """A ticket about a stuck export, answered and solved."""
    ticket = write(STUCK, subject="Export stuck").ticket
    pump()
    reply_to_ticket(
        ticket=ticket, body="Please **clear** the cache, then export again.", by=agent.as_viewer()
    )
    change_status(ticket=ticket, status="resolved", by=agent.as_viewer())
    return ticket


def storm(write: Write, pump: Pump, people: list[str], text: str = STUCK) -> list[Ticket]:
    """The same said by several people, delivered in one batch."""
    found = [
        write(f"{text} {one}", subject="Export stuck", sender=f"{one}@{one}.example").ticket for one in people
    ]
    pump()
    return found


def panel(client: Client, ticket: Ticket) -> str:
    response = client.get(f"/inbox/{ticket.pk}/panels/similar/")
    assert response.status_code == 200
    return response.content.decode()


# --- similar tickets --------------------------------------------------------------------------------------------------


def test_a_solved_ticket_that_says_the_same_stands_first_with_its_answer(
    write: Write, solved: Ticket, agent: User, login: Login, pump: Pump
) -> None:
    write("The export of the monthly report", subject="Export stuck", sender="jo@other.example")
    write("Where is the parcel that we ordered last week?", subject="Parcel")
    ticket = write(STUCK + " again", subject="Export stuck").ticket
    pump()
    html = panel(login(agent), ticket)
    assert html.index(f"#{solved.number} ") < html.index(
        "Export stuck", html.index(f"#{solved.number} ") + 60
    )
    assert "Please clear the cache, then export again." in html
    assert "Parcel" not in html
    found = similar_to(agent.as_viewer(), ticket).tickets
    assert [one.is_solved for one in found] == [True, False]


def test_the_answer_goes_into_the_composer_and_nothing_is_sent(
    write: Write, solved: Ticket, agent: User, login: Login
) -> None:
    ticket = write(STUCK).ticket
    response = login(agent).get(f"/inbox/{ticket.pk}/similar/{solved.pk}/answer/")
    told = json.loads(response["HX-Trigger"])
    assert response.status_code == 204
    assert told["composer-insert"] == {
        "text": "Please **clear** the cache, then export again.",
        "kind": "reply",
    }
    assert ticket.messages.count() == 1
    assert login(agent).get(f"/inbox/{solved.pk}/similar/{ticket.pk}/answer/").status_code == 404


def test_tickets_of_private_teams_are_neither_shown_nor_handed_out(
    write: Write,
    solved: Ticket,
    csm: User,
    lawyer: User,
    private_team: Team,
    login: Login,
    pump: Pump,
    api: Any,
) -> None:
    ticket = write(STUCK + " again").ticket
    pump()
    Ticket.objects.filter(pk=solved.pk).update(team=private_team)
    assert similar_to(csm.as_viewer(), ticket).tickets == ()
    assert [one.ticket for one in similar_to(lawyer.as_viewer(), ticket).tickets] == [solved]
    assert login(csm).get(f"/inbox/{ticket.pk}/similar/{solved.pk}/answer/").status_code == 404
    assert login(lawyer).get(f"/inbox/{ticket.pk}/similar/{solved.pk}/answer/").status_code == 204


def test_macros_that_fit_are_offered_to_those_who_see_them(
    write: Write, agent: User, lead_user: User, login: Login, pump: Pump
) -> None:
    share = lead_user.as_viewer()
    save_macro(
        by=share, name="Export stuck", reply="Clear the cache, then export the report.", scope="everyone"
    )
    save_macro(by=share, name="Export report privately", reply="Only for me: export stuck")
    save_macro(by=share, name="Parcel is late", reply="It comes tomorrow.", scope="everyone")
    ticket = write(STUCK, subject="Export stuck").ticket
    pump()
    html = panel(login(agent), ticket)
    assert "Export stuck</span>" in html
    assert "privately" not in html
    assert "Parcel" not in html
    assert "privately" in panel(login(lead_user), ticket)
    Macro.objects.get(name="Export stuck").delete()
    assert "Macros that fit" not in panel(login(agent), ticket)


def test_what_no_event_told_of_is_caught_up_with_and_open_tickets_are_looked_at_again(
    write: Write, solved: Ticket, agent: User, pump: Pump
) -> None:
    ticket = write(STUCK).ticket
    pump()
    SubjectVector.objects.all().delete()
    SimilarTickets.objects.all().delete()
    assert catch_up() == 2
    assert [one.ticket for one in similar_to(agent.as_viewer(), ticket).tickets] == [solved]
    assert catch_up() == 0
    late = write(STUCK + " too", sender="jo@other.example").ticket
    pump()
    SimilarTickets.objects.update(searched_at=timezone.now() - timedelta(hours=2))
    assert catch_up() == 2
    assert late.pk in {pk for pk, _cosine in SimilarTickets.objects.get(ticket=ticket).tickets}


def test_erasing_a_person_takes_vectors_and_findings_along(
    write: Write, solved: Ticket, agent: User, admin: User, pump: Pump
) -> None:
    ticket = write(STUCK, sender="jo@other.example").ticket
    pump()
    erase_contact(
        contact=solved.contact, confirmation=solved.contact.name, by=admin.as_viewer(), reason="asked"
    )
    run_jobs("batch")
    assert not SubjectVector.objects.filter(subject_kind="ticket", subject_id=solved.pk).exists()
    assert not SimilarTickets.objects.filter(ticket=solved).exists()
    assert similar_to(agent.as_viewer(), ticket).tickets == ()
    catch_up()
    assert not SubjectVector.objects.filter(subject_kind="ticket", subject_id=solved.pk).exists()


def test_a_vector_that_was_being_made_while_its_text_went_is_not_kept(
    write: Write, solved: Ticket, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erased, deleted or said otherwise while the encoder was at it."""
    deleted, changed = (write(STUCK + one, sender=f"{one}@{one}.example").ticket for one in ("gone", "other"))
    encode = find_similar.encode_texts

    def meanwhile(texts: dict[int, str]) -> Any:
        encoded = encode(texts)
        erase_contact(
            contact=solved.contact, confirmation=solved.contact.name, by=admin.as_viewer(), reason="asked"
        )
        run_jobs("batch")
        Ticket.objects.filter(pk=deleted.pk).delete()
        Ticket.objects.filter(pk=changed.pk).update(subject="Nothing is stuck")
        return encoded

    SubjectVector.objects.all().delete()
    monkeypatch.setattr(find_similar, "encode_texts", meanwhile)
    find_similar.learn_tickets([solved.pk, deleted.pk, changed.pk])
    assert not SubjectVector.objects.filter(subject_kind="ticket").exists()


def test_switched_off_nothing_is_stored_and_the_panel_is_gone(
    write: Write, agent: User, admin: User, login: Login, pump: Pump
) -> None:
    save_similar_rules(rules=SimilarRules(is_on=False), by=admin.as_viewer())
    ticket = write(STUCK).ticket
    pump()
    assert catch_up() == 0
    assert not SubjectVector.objects.exists()
    assert login(agent).get(f"/inbox/{ticket.pk}/panels/similar/").status_code == 404


def test_rest_tells_the_same_and_only_to_keys_that_may_read(
    write: Write, solved: Ticket, pump: Pump, api: Any
) -> None:
    ticket = write(STUCK + " again").ticket
    pump()
    body = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/similar/").json()
    assert body["searched"] == body["total"] == 2
    assert [(one["id"], one["answer"]) for one in body["tickets"]] == [
        (solved.pk, "Please **clear** the cache, then export again.")
    ]
    assert 0.5 < body["tickets"][0]["cosine"] <= 1
    assert api("accounts:read").get(f"/api/v1/tickets/{ticket.pk}/similar/").status_code == 403


# --- incidents --------------------------------------------------------------------------------------------------------


def test_three_customers_who_say_the_same_are_proposed_as_one_incident_and_the_lead_is_told(
    write: Write, agent: User, lead_user: User, login: Login, pump: Pump
) -> None:
    first, *others = storm(write, pump, ["ann", "bob", "cleo"])
    pump()
    incident = Incident.objects.get()
    assert incident.state == Incident.State.PROPOSED
    assert not TicketLink.objects.exists()
    assert Notification.objects.filter(user=lead_user, kind="tickets.incident").count() == 1
    client = login(agent)
    assert "3 tickets of 3 customers say the same." in panel(client, others[0])
    response = client.post(f"/inbox/{others[0].pk}/incident/")
    assert response.status_code == 200
    assert set(TicketLink.objects.values_list("from_ticket", "to_ticket", "kind")) == {
        (first.pk, one.pk, "parent") for one in others
    }
    assert "Resolve 2 linked tickets" in panel(client, first)
    assert f"#{first.number}" in panel(client, others[0])
    assert Event.objects.filter(verb="tickets.incident_confirmed", ticket_id=first.pk).count() == 1


def test_one_customer_alone_or_old_tickets_make_no_incident(write: Write, pump: Pump) -> None:
    storm(write, pump, ["ann", "ann", "bob", "bob"])
    assert not Incident.objects.exists()
    Ticket.objects.update(created_at=timezone.now() - timedelta(hours=30))
    storm(write, pump, ["cleo", "dan"])
    assert not Incident.objects.exists()
    storm(write, pump, ["eve"])
    assert IncidentTicket.objects.count() == 3


def test_what_comes_later_joins_and_is_linked_by_a_second_click(
    write: Write, agent: User, login: Login, pump: Pump
) -> None:
    first, *_others = storm(write, pump, ["ann", "bob", "cleo"])
    client = login(agent)
    client.post(f"/inbox/{first.pk}/incident/")
    (late,) = storm(write, pump, ["dan"])
    assert Incident.objects.count() == 1
    assert "1 more ticket says the same." in panel(client, first)
    client.post(f"/inbox/{first.pk}/incident/")
    assert TicketLink.objects.filter(from_ticket=first, to_ticket=late, kind="parent").exists()
    assert TicketLink.objects.count() == 3
    waiting = [one.pk for one in Ticket.objects.exclude(pk=first.pk)]
    client.post("/inbox/bulk/", {"status": "resolved", "ticket": waiting})
    assert set(Ticket.objects.exclude(pk=first.pk).values_list("status_category", flat=True)) == {"resolved"}


def test_dismissed_it_stays_quiet_until_it_has_doubled(
    write: Write, agent: User, login: Login, pump: Pump
) -> None:
    first, *_others = storm(write, pump, ["ann", "bob", "cleo"])
    client = login(agent)
    assert client.post(f"/inbox/{first.pk}/incident/dismiss/").status_code == 200
    assert "say the same" not in panel(client, first)
    assert client.post(f"/inbox/{first.pk}/incident/").status_code == 404
    storm(write, pump, ["dan", "eve"])
    assert Incident.objects.get().state == Incident.State.DISMISSED
    storm(write, pump, ["fay"])
    assert Incident.objects.get().state == Incident.State.PROPOSED
    assert Event.objects.filter(verb="tickets.incident_proposed").count() == 2


def test_a_ticket_with_a_parent_keeps_it_and_hidden_tickets_are_not_linked(
    write: Write, agent: User, private_team: Team, login: Login, pump: Pump
) -> None:
    first, second, hidden, child = storm(write, pump, ["ann", "bob", "cleo", "dan"])
    other = write("Something else entirely").ticket
    TicketLink.objects.create(from_ticket=other, to_ticket=child, kind="parent")
    Ticket.objects.filter(pk=hidden.pk).update(team=private_team)
    client = login(agent)
    assert "3 tickets of 3 customers" in panel(client, first)
    client.post(f"/inbox/{first.pk}/incident/")
    assert set(TicketLink.objects.values_list("from_ticket", "to_ticket")) == {
        (other.pk, child.pk),
        (first.pk, second.pk),
    }


def test_an_incident_under_a_hidden_ticket_is_neither_split_nor_its_number_told(
    write: Write, agent: User, private_team: Team, login: Login, pump: Pump
) -> None:
    first, second, third = storm(write, pump, ["ann", "bob", "cleo"])
    client = login(agent)
    client.post(f"/inbox/{first.pk}/incident/")
    Ticket.objects.filter(pk=first.pk).update(team=private_team, assignee=None)
    storm(write, pump, ["dan"])
    shown = panel(client, second)
    assert "Part of an incident" in shown
    assert f"/inbox/{first.pk}/" not in shown
    before = set(TicketLink.objects.values_list("from_ticket", "to_ticket"))
    client.post(f"/inbox/{third.pk}/incident/")
    assert set(TicketLink.objects.values_list("from_ticket", "to_ticket")) == before
    assert Incident.objects.get().ticket == first


def test_who_may_only_look_decides_nothing(write: Write, analyst: User, login: Login, pump: Pump) -> None:
    first, *_others = storm(write, pump, ["ann", "bob", "cleo"])
    client = login(analyst)
    assert "Make one incident" not in panel(client, first)
    assert client.post(f"/inbox/{first.pk}/incident/").status_code == 403
    assert client.post(f"/inbox/{first.pk}/incident/dismiss/").status_code == 403
    assert Incident.objects.get().state == Incident.State.PROPOSED


def test_incidents_by_rest(write: Write, pump: Pump, api: Any) -> None:
    tickets = storm(write, pump, ["ann", "bob", "cleo"])
    ids = [one.pk for one in tickets]
    reader, writer = api("tickets:read"), api("tickets:write")
    (told,) = reader.get("/api/v1/incidents/?state=proposed").json()["results"]
    assert (told["state"], told["ticket"], told["tickets"]) == ("proposed", None, ids)
    assert reader.post(f"/api/v1/incidents/{told['id']}/confirm/").status_code == 403
    done = writer.post(f"/api/v1/incidents/{told['id']}/confirm/").json()
    assert (done["state"], done["ticket"], done["unlinked"]) == ("confirmed", ids[0], [])
    assert writer.post(f"/api/v1/incidents/{told['id']}/dismiss/").status_code == 400
    assert writer.post("/api/v1/incidents/999/confirm/").status_code == 404


def test_the_rules_are_set_on_their_page_and_hold(
    write: Write, admin: User, login: Login, pump: Pump
) -> None:
    client = login(admin)
    values = {"is_on": "on", "incidents": "on", "fewest": "2", "hours": "24", "threshold": "0.7"}
    assert client.post("/settings/similar/", values | {"threshold": "0.2"}).status_code in {200, 422}
    assert client.post("/settings/similar/", values).status_code == 302
    storm(write, pump, ["ann", "bob"])
    assert Incident.objects.count() == 1
    client.post("/settings/similar/", {key: value for key, value in values.items() if key != "incidents"})
    storm(write, pump, ["cleo", "dan"], "Nobody can log in with the new password since this morning")
    assert Incident.objects.count() == 1
