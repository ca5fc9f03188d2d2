"""Escalations: by rule and by hand, acknowledged, taken back, shown; and that rules neither loop nor insist."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Event, Notification
from people.models import Team, User
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.models import Escalation, EscalationRule, Ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.escalate_by_rules import escalate_by_events, escalate_by_time
from tickets.services.escalate_ticket import acknowledge_escalation, de_escalate_ticket, escalate_ticket
from tickets.services.receive_message import Received
from tickets.services.save_escalation_rule import delete_escalation_rule, save_escalation_rule

URGENT = {"field": "priority", "is": "in", "value": ["urgent"]}


@pytest.fixture
def lead(db: None) -> User:
    """A lead."""
    return make_user("lead", "Lena Vogt")


def rule(admin: User, **values: Any) -> EscalationRule:
    """A rule: urgent tickets go to level 2 of the leads."""
    defaults: dict[str, Any] = {"name": "Urgent", "position": 1, "condition": URGENT, "level": 2}
    return save_escalation_rule(**{**defaults, **values}, by=admin.as_viewer())


def fresh(ticket: Ticket) -> Ticket:
    """The row as it is now."""
    return Ticket.objects.get(pk=ticket.pk)


def details(verb: str) -> list[dict[str, Any]]:
    """The details of the events of a verb, oldest first."""
    events = Event.objects.filter(verb=verb).select_related("detail").order_by("pk")
    return [event.detail.data or {} for event in events]


def test_a_rule_escalates_when_a_ticket_changes_and_only_once(
    ticket: Ticket, admin: User, lead: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    urgent = rule(admin)
    pump()
    assert fresh(ticket).escalation_level == 0
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    pump()
    found = Escalation.objects.get()
    assert (found.level, found.rule, found.reason, fresh(ticket).escalation_level) == (2, urgent, "Urgent", 2)
    assert details("tickets.escalated")[0]["to"] == [lead.pk]
    assert Notification.objects.get(verb="tickets.escalated").user == lead
    change_tags(ticket=ticket, add=["vip"], by=viewer)
    pump()
    assert Escalation.objects.count() == 1


def test_what_a_person_took_back_stays_taken_back_until_the_ticket_comes_back(
    ticket: Ticket, admin: User, lead: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    rule(admin)
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    pump()
    de_escalate_ticket(ticket=ticket, by=lead.as_viewer(), reason="Known case")
    change_tags(ticket=ticket, add=["vip"], by=viewer)
    pump()
    assert fresh(ticket).escalation_level == 0
    assert Escalation.objects.get().end_kind == Escalation.End.LOWERED


def test_the_solution_ends_an_escalation_and_a_reopened_ticket_may_be_escalated_again(
    ticket: Ticket, admin: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    rule(admin)
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    pump()
    change_status(ticket=ticket, status="resolved", by=viewer)
    pump()
    assert fresh(ticket).escalation_level == 0
    assert Escalation.objects.get().end_kind == Escalation.End.RESOLVED
    change_status(ticket=ticket, status="open", by=viewer)
    pump()
    assert fresh(ticket).escalation_level == 2
    assert Escalation.objects.count() == 2


def test_the_highest_level_wins_and_rules_only_raise(
    ticket: Ticket, admin: User, agent: User, team: Team, viewer: Viewer, pump: Callable[[], int]
) -> None:
    rule(admin, name="Low", level=1, position=0)
    rule(admin, name="High", level=3, position=9, owner_kind="team", owner_team=team)
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    pump()
    found = Escalation.objects.get()
    assert (found.level, found.owner_team) == (3, team)
    assert details("tickets.escalated")[0]["to"] == [agent.pk]


def test_rules_about_time_are_looked_at_by_the_clock(
    ticket: Ticket, admin: User, agent: User, pump: Callable[[], int]
) -> None:
    rule(
        admin,
        condition={"field": "created_at", "is": "older_than", "value": 7200},
        owner_kind="person",
        owner=agent,
    )
    pump()
    assert escalate_by_time() == 0
    with time_machine.travel(ticket.created_at + timedelta(hours=3)):
        assert escalate_by_time() == 1
        assert escalate_by_time() == 0
    assert Escalation.objects.get().owner == agent


def test_repeat_contact_counts_the_tickets_of_the_last_days(
    write: Callable[..., Received], admin: User, pump: Callable[[], int]
) -> None:
    rule(admin, name="Third in a month", condition={}, repeat_count=3, repeat_days=30, level=1)
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        write(subject="Long ago")
    write(subject="One")
    write(subject="Two")
    pump()
    assert not Escalation.objects.exists()
    third = write(subject="Three").ticket
    pump()
    assert Escalation.objects.get().ticket == third


def test_a_rule_without_notification_tells_nobody(
    ticket: Ticket, admin: User, lead: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    rule(admin, notify=False)
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    pump()
    assert details("tickets.escalated")[0]["to"] == []
    assert not Notification.objects.filter(verb="tickets.escalated").exists()


def test_events_deep_in_a_chain_start_nothing(ticket: Ticket, admin: User) -> None:
    rule(admin, condition={"field": "priority", "is": "in", "value": ["normal"]})
    created = Event.objects.get(verb="tickets.created")
    deep = Event(verb=created.verb, ticket_id=ticket.pk, subject_id=ticket.pk, depth=3)
    assert escalate_by_events([deep]) == 0
    assert escalate_by_events([created]) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"condition": {}}, "condition"),
        ({"condition": {"field": "escalation_level", "is": "at_least", "value": 1}}, "condition"),
        ({"condition": {"field": "assignee", "is": "in", "value": ["me"]}}, "condition"),
        ({"level": 4}, "level"),
        ({"repeat_days": 0}, "repeat_days"),
        ({"owner_kind": "person"}, "owner"),
        ({"owner_kind": "team"}, "owner_team"),
        ({"owner_kind": "moon"}, "owner_kind"),
    ],
)
def test_rules_that_make_no_sense_are_refused(admin: User, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rule(admin, **values)
    assert field in refused.value.error_dict
    assert not EscalationRule.objects.exists()


def test_rules_are_for_administrators(admin: User, viewer: Viewer) -> None:
    urgent = rule(admin)
    with pytest.raises(PermissionDenied):
        delete_escalation_rule(rule=urgent, by=viewer)
    with pytest.raises(PermissionDenied):
        save_escalation_rule(name="x", position=1, condition=URGENT, level=1, by=viewer)
    delete_escalation_rule(rule=urgent, by=admin.as_viewer())
    assert Event.objects.filter(verb="tickets.escalation_rule_deleted").count() == 1


# --- by hand --------------------------------------------------------------------------------------------------------


def test_by_hand_up_seen_and_down(ticket: Ticket, viewer: Viewer, lead: User) -> None:
    first = escalate_ticket(ticket=ticket, level=1, reason="The board is asking", by=viewer, owner=lead)
    second = escalate_ticket(ticket=ticket, level=3, reason="Still", by=viewer)
    first.refresh_from_db()
    assert (first.end_kind, second.owner, fresh(ticket).escalation_level) == (Escalation.End.RAISED, None, 3)
    seen = acknowledge_escalation(ticket=ticket, by=lead.as_viewer())
    assert seen is not None
    assert seen.acknowledged_by == lead
    acknowledge_escalation(ticket=ticket, by=viewer)
    assert Event.objects.filter(verb="tickets.escalation_acknowledged").count() == 1
    lowered = de_escalate_ticket(ticket=ticket, by=viewer, level=1, reason="Calmer")
    assert lowered.escalation_level == 1
    assert Escalation.objects.filter(ended_at=None).get().level == 1
    ended = de_escalate_ticket(ticket=ticket, by=viewer)
    assert ended.escalation_level == 0
    assert not Escalation.objects.filter(ended_at=None).exists()
    assert [one["level"] for one in details("tickets.de_escalated")] == [1, 0]
    assert acknowledge_escalation(ticket=ticket, by=viewer) is None


@pytest.mark.parametrize(("level", "reason"), [(0, "x"), (4, "x"), (1, "  ")])
def test_escalating_needs_a_level_and_a_reason(
    ticket: Ticket, viewer: Viewer, level: int, reason: str
) -> None:
    with pytest.raises(ValidationError):
        escalate_ticket(ticket=ticket, level=level, reason=reason, by=viewer)
    assert not Escalation.objects.exists()


def test_what_is_over_or_at_that_level_is_not_escalated(ticket: Ticket, viewer: Viewer) -> None:
    escalate_ticket(ticket=ticket, level=2, reason="x", by=viewer)
    with pytest.raises(ValidationError):
        escalate_ticket(ticket=ticket, level=2, reason="x", by=viewer)
    with pytest.raises(ValidationError):
        de_escalate_ticket(ticket=ticket, level=2, by=viewer)
    change_status(ticket=ticket, status="resolved", by=viewer)
    with pytest.raises(ValidationError):
        escalate_ticket(ticket=ticket, level=3, reason="x", by=viewer)


def test_who_may_not_escalate_cannot(ticket: Ticket, analyst: User, csm: User) -> None:
    for person in (analyst, csm):
        with pytest.raises(PermissionDenied):
            escalate_ticket(ticket=ticket, level=1, reason="x", by=person.as_viewer())


def test_there_is_never_more_than_one_open_escalation(ticket: Ticket, viewer: Viewer) -> None:
    escalate_ticket(ticket=ticket, level=1, reason="x", by=viewer)
    with pytest.raises(IntegrityError), transaction.atomic():
        Escalation.objects.create(ticket=ticket, level=2, reason="y", opened_at=timezone.now())


# --- pages and REST -------------------------------------------------------------------------------------------------


def test_the_menu_of_a_ticket_escalates_and_the_page_shows_and_acknowledges(
    ticket: Ticket, agent: User, lead: User, login: Any
) -> None:
    browser: Client = login(agent)
    menu = browser.get(f"/inbox/{ticket.pk}/escalation/").content.decode()
    assert "Why does it need more attention?" in menu
    refused = browser.post(f"/inbox/{ticket.pk}/escalation/new/", {"level": "2", "reason": ""})
    assert refused.status_code == 422
    assert refused["HX-Retarget"] == "#escalation-menu"
    head = browser.post(
        f"/inbox/{ticket.pk}/escalation/new/", {"level": "2", "reason": "<b>Angry</b>", "owner": lead.pk}
    )
    assert "Level 2" in head.content.decode()
    listed = browser.get("/inbox/escalations/").content.decode()
    assert "&lt;b&gt;Angry&lt;/b&gt;" in listed
    assert "Lena Vogt" in listed
    assert "Nothing is escalated" in browser.get("/inbox/escalations/?owner=me").content.decode()
    assert ticket.subject in login(lead).get("/inbox/escalations/?owner=me").content.decode()
    rows = browser.post(f"/inbox/{ticket.pk}/escalation/seen/?from=list", headers={"HX-Request": "true"})
    assert "Priya Raman" in rows.content.decode()
    ended = browser.post(f"/inbox/{ticket.pk}/escalation/end/", {"level": "0"})
    assert "Level 2" not in ended.content.decode()
    assert "Level 2: " in browser.get(f"/inbox/{ticket.pk}/escalation/").content.decode()


def test_the_page_shows_only_tickets_one_may_see_and_costs_the_same_for_many(
    write: Callable[..., Received], viewer: Viewer, agent: User, private_team: Team, login: Any
) -> None:
    browser = login(agent)
    hidden = write(subject="Secret contract").ticket
    escalate_ticket(ticket=hidden, level=1, reason="x", by=viewer)
    Ticket.objects.filter(pk=hidden.pk).update(team=private_team)
    browser.get("/inbox/escalations/")
    counts = []
    for number in range(2):
        for part in range(3):
            ticket = write(subject=f"Case {number} {part}").ticket
            escalate_ticket(ticket=ticket, level=1, reason="x", by=viewer)
        with CaptureQueriesContext(connection) as queries:
            page = browser.get("/inbox/escalations/").content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "Secret contract" not in page
    assert page.count("Case ") >= 6
    assert browser.post(f"/inbox/{hidden.pk}/escalation/end/").status_code == 404


def test_the_view_escalated_holds_them(ticket: Ticket, viewer: Viewer, agent: User, login: Any) -> None:
    browser = login(agent)
    assert ticket.subject not in browser.get("/inbox/?view=escalated").content.decode()
    escalate_ticket(ticket=ticket, level=1, reason="x", by=viewer)
    assert f'data-id="{ticket.pk}"' in browser.get("/inbox/?view=escalated").content.decode()


def test_rest_escalates_acknowledges_and_takes_back(ticket: Ticket, lead: User, api: Any) -> None:
    rest = api("tickets:read", "tickets:write")
    base = f"/api/v1/tickets/{ticket.pk}/escalations/"
    assert rest.post(base, {"level": 1}, format="json").status_code == 400
    made = rest.post(base, {"level": 2, "reason": "Key account", "owner": lead.pk}, format="json")
    assert made.status_code == 201
    assert rest.post(base, {"level": 1, "reason": "x"}, format="json").status_code == 400
    assert rest.get(f"/api/v1/tickets/{ticket.pk}/").json()["escalation_level"] == 2
    assert [one["ticket"] for one in rest.get("/api/v1/escalations/?level=2").json()["results"]] == [
        ticket.pk
    ]
    assert rest.get("/api/v1/escalations/?level=3").json()["results"] == []
    assert rest.get("/api/v1/escalations/?level=x").status_code == 400
    seen = rest.patch(base, {"acknowledged": True}, format="json").json()
    assert seen[0]["acknowledged_at"] is not None
    done = rest.patch(base, {"level": 0, "reason": "Solved by phone"}, format="json").json()
    assert (done[0]["end_kind"], done[0]["end_reason"]) == ("lowered", "Solved by phone")
    assert rest.patch(base, {"level": 0}, format="json").status_code == 400
    assert api("tickets:read").post(base, {"level": 1, "reason": "x"}, format="json").status_code == 403


RULE = {
    "name": "Angry", "position": "1", "level": "2", "repeat_count": "", "repeat_days": "30", "owner_kind": "lead",
    "is_active": "on", "notify": "on",
    "condition": '{"field": "priority", "is": "in", "value": ["normal"]}',
}  # fmt: skip


def test_a_rule_is_written_tried_and_deleted_on_the_settings_page(
    ticket: Ticket, admin: User, login: Any, viewer: Viewer
) -> None:
    browser: Client = login(admin)
    trial = browser.post("/settings/escalations/try/", RULE).content.decode()
    assert ticket.subject in trial
    assert not EscalationRule.objects.exists()
    assert browser.post("/settings/escalations/try/", {**RULE, "condition": "{"}).status_code == 422
    assert browser.post("/settings/escalations/new/", {**RULE, "condition": ""}).status_code == 422
    assert browser.post("/settings/escalations/new/", RULE).status_code == 302
    saved = EscalationRule.objects.get()
    listed = browser.get("/settings/escalations/").content.decode()
    assert "Level 2" in listed
    assert "priority is Normal" in listed
    escalate_ticket(ticket=ticket, level=2, reason="x", by=viewer)
    again = browser.post(f"/settings/escalations/{saved.pk}/try/", RULE).content.decode()
    assert 'would escalate <b class="num">0</b>' in again
    assert browser.post(f"/settings/escalations/{saved.pk}/", {**RULE, "level": "3"}).status_code == 302
    assert EscalationRule.objects.get().level == 3
    browser.post(f"/settings/escalations/{saved.pk}/delete/")
    assert not EscalationRule.objects.exists()
