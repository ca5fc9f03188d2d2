"""Who gets a ticket: the rule, its services, absences and hand-overs, pages and REST."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.models import Event
from people.api import views as people_views
from people.models import Absence, Skill, Team, TeamMembership, User
from people.services.plan_absence import cancel_absence, plan_absence
from people.services.save_skill import save_skill, set_skills
from people.services.set_availability import set_availability
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tests.tickets.test_at_once import at_once
from tickets.assignment import VERDICTS, Candidate, Question, decide
from tickets.models import Category, Ticket, TicketType
from tickets.services.assign_ticket import assign_ticket, preview_assignment
from tickets.services.assign_waiting_tickets import assign_waiting_tickets
from tickets.services.change_status import change_status
from tickets.services.hand_over_tickets import hand_over_absences, take_back_unattended
from tickets.services.receive_message import Received

Write = Callable[..., Received]
SYSTEM = system_viewer("task")


# --- the rule ---------------------------------------------------------------------------------------------------------

candidates = st.lists(
    st.builds(
        Candidate,
        user_id=st.integers(1, 9),
        load=st.integers(0, 6),
        capacity=st.integers(0, 5),
        skills=st.frozensets(st.integers(1, 3)),
        why_not=st.sampled_from(["", "", "away", "absent", "off_hours"]),
    ),
    max_size=7,
    unique_by=lambda one: one.user_id,
)
questions = st.builds(
    Question,
    strategy=st.sampled_from(["balanced", "round_robin", "skills"]),
    needed=st.dictionaries(st.integers(1, 4), st.just("skill"), max_size=3),
    previous_owner=st.none() | st.integers(1, 9),
    last_turn=st.none() | st.integers(1, 9),
)


@given(questions, candidates)
def test_never_over_capacity_never_who_is_not_there(question: Question, people: list[Candidate]) -> None:
    decision = decide(question, people)
    assert decision.reason
    assert [one.user_id for one in decision.considered] == [one.user_id for one in people]
    assert {one.verdict for one in decision.considered} <= set(VERDICTS)
    chosen = [one for one in people if one.user_id == decision.user_id]
    assert [one.verdict for one in decision.considered].count("chosen") == len(chosen) <= 1
    for one in chosen:
        assert not one.why_not
        assert one.load < one.capacity
        if question.strategy == "skills":
            held = frozenset().union(*(other.skills for other in people))
            assert question.needed.keys() & held <= one.skills


@given(questions, candidates)
def test_nobody_is_passed_over_without_a_reason(question: Question, people: list[Candidate]) -> None:
    decision = decide(question, people)
    if decision.user_id is None:
        assert not any(one.verdict == "later" for one in decision.considered)


@given(candidates, st.integers(1, 40))
def test_turns_are_fair(people: list[Candidate], rounds: int) -> None:
    able = [Candidate(one.user_id, 0, 100) for one in people]
    last, counts = None, dict.fromkeys((one.user_id for one in able), 0)
    for _round in range(rounds if able else 0):
        last = decide(Question("round_robin", last_turn=last), able).user_id
        assert last is not None
        counts[last] += 1
    assert not counts or max(counts.values()) - min(counts.values()) <= 1


# --- the services -----------------------------------------------------------------------------------------------------


@pytest.fixture
def second(team: Team) -> User:
    """Another member of the team."""
    user = make_user("agent", "Tom Beck")
    TeamMembership.objects.create(team=team, user=user)
    return user


def routed(write: Write, team: Team, **columns: Any) -> Ticket:
    """A ticket that waits in the team."""
    ticket = write().ticket
    Ticket.objects.filter(pk=ticket.pk).update(team=team, routing_state="routed", **columns)
    return Ticket.objects.get(pk=ticket.pk)


def owner_of(ticket: Ticket) -> User | None:
    return Ticket.objects.select_related("assignee").get(pk=ticket.pk).assignee


def reason_of(ticket: Ticket) -> str:
    return Ticket.objects.get(pk=ticket.pk).assigned_reason


def strategy(team: Team, **columns: Any) -> None:
    Team.objects.filter(pk=team.pk).update(**columns)


def test_in_turn(write: Write, team: Team, agent: User, second: User) -> None:
    strategy(team, strategy="round_robin")
    tickets = [routed(write, team) for _number in range(4)]
    assert assign_waiting_tickets() == 4
    assert sorted([owner_of(ticket) == agent for ticket in tickets]) == [False, False, True, True]
    assert {reason_of(ticket) for ticket in tickets} == {"In turn"}


def test_by_skills(
    write: Write, team: Team, agent: User, second: User, category: Category, lead_user: User
) -> None:
    strategy(team, strategy="skills")
    german = save_skill(name="German", language="DE", people=[second], by=lead_user.as_viewer())
    tax = save_skill(name="Tax", people=[agent, second], by=lead_user.as_viewer())
    category.required_skills.add(tax)
    plain = routed(write, team)
    in_german = routed(write, team, language="de-AT", category=category)
    User.objects.filter(pk=second.pk).update(availability="away")
    assert assign_waiting_tickets() == 1
    assert owner_of(plain) == agent
    assert reason_of(in_german) == "Nobody available has the skill: German, Tax"
    User.objects.filter(pk=second.pk).update(availability="available")
    assert assign_waiting_tickets() == 1
    assert owner_of(in_german) == second
    event = Event.objects.filter(verb="tickets.assigned", ticket_id=in_german.pk).get()
    said = {one["user"]: one for one in event.detail.data["considered"]}
    assert said[agent.pk]["verdict"] == "lacks"
    assert said[agent.pk]["missing"] == ["German"]
    assert said[second.pk]["verdict"] == "chosen"
    # What nobody in the team can do, nobody is waited for.
    set_skills(user=second, skills=[], by=lead_user.as_viewer())
    assert not german.holders.exists()
    another = routed(write, team, language="de")
    assert assign_waiting_tickets() == 1
    assert owner_of(another) is not None


def test_a_type_asks_for_skills_too(
    write: Write, team: Team, agent: User, second: User, lead_user: User
) -> None:
    strategy(team, strategy="skills")
    network = save_skill(name="Network", people=[second], by=lead_user.as_viewer())
    outage = TicketType.objects.create(name="Outage")
    outage.required_skills.add(network)
    User.objects.filter(pk=second.pk).update(availability="away")
    ticket = routed(write, team, type=outage)
    assert assign_waiting_tickets() == 0
    assert reason_of(ticket) == "Nobody available has the skill: Network"
    User.objects.filter(pk=second.pk).update(availability="available")
    assert assign_waiting_tickets() == 1
    assert owner_of(ticket) == second


def test_the_previous_owner_first(write: Write, team: Team, agent: User, second: User) -> None:
    strategy(team, previous_owner_days=14)
    old = routed(write, team, assignee=second)
    for _number in range(2):
        routed(write, team, assignee=second)
    new = routed(write, team)
    assign_waiting_tickets()
    assert owner_of(new) == second
    assert reason_of(new) == "Had the customer's last ticket: 3 of 20"
    User.objects.filter(pk=second.pk).update(capacity=3)
    other = routed(write, team)
    assign_waiting_tickets()
    assert owner_of(other) == agent
    strategy(team, previous_owner_days=0)
    User.objects.filter(pk=second.pk).update(capacity=20)
    last = routed(write, team)
    assign_waiting_tickets()
    assert owner_of(last) == agent
    assert owner_of(old) == second


def test_a_free_place_is_given_at_once(
    write: Write, team: Team, agent: User, viewer: Viewer, pump: Callable[[], int]
) -> None:
    User.objects.filter(pk=agent.pk).update(capacity=1)
    first, waiting = routed(write, team), routed(write, team)
    assert assign_waiting_tickets() == 1
    first, waiting = (first, waiting) if owner_of(first) else (waiting, first)
    assert reason_of(waiting) == "Everybody available is at capacity"
    pump()
    assert owner_of(waiting) is None
    change_status(ticket=first, status="waiting", by=viewer)
    pump()
    assert owner_of(waiting) == agent


def test_what_is_put_aside_is_neither_given_nor_counted(write: Write, team: Team, agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(capacity=1)
    routed(write, team, assignee=agent, snoozed_until=timezone.now() + timedelta(days=1))
    aside = routed(write, team, snoozed_until=timezone.now() + timedelta(days=1))
    due = routed(write, team)
    assert assign_waiting_tickets() == 1
    assert (owner_of(aside), owner_of(due)) == (None, agent)


def test_a_preview_changes_nothing(write: Write, team: Team, agent: User) -> None:
    ticket = routed(write, team)
    decision = preview_assignment(ticket)
    assert decision is not None
    assert decision.user_id == agent.pk
    assert owner_of(ticket) is None
    strategy(team, strategy="manual")
    assert preview_assignment(Ticket.objects.get(pk=ticket.pk)) is None


# --- absences ---------------------------------------------------------------------------------------------------------


def absent(user: User, *, days: int = 3, **fields: Any) -> Absence:
    now = timezone.now()
    start = fields.pop("starts_at", now - timedelta(minutes=1))
    return plan_absence(
        user=user, starts_at=start, ends_at=now + timedelta(days=days), by=user.as_viewer(), **fields
    )


def test_who_is_absent_gets_nothing_until_the_end(write: Write, team: Team, agent: User) -> None:
    absence = absent(agent)
    agent.refresh_from_db()
    assert agent.absent_until == absence.ends_at
    ticket = routed(write, team)
    assert assign_waiting_tickets() == 0
    assert reason_of(ticket) == "Nobody of the team is available"
    cancel_absence(absence=absence, by=agent.as_viewer())
    agent.refresh_from_db()
    assert agent.absent_until is None
    assert assign_waiting_tickets() == 1


def test_what_is_not_sent_of_an_absence_stays_as_others_have_just_made_it(
    agent: User,
    second: User,
    lead_user: User,
    login: Callable[[User], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absence = absent(agent)
    real = people_views._read

    def slowly(*args: Any, **rest: Any) -> Any:
        sent = real(*args, **rest)
        Absence.objects.filter(pk=absence.pk).update(deputy=second)
        return sent

    monkeypatch.setattr(people_views, "_read", slowly)
    answer = login(lead_user).patch(
        f"/api/v1/absences/{absence.pk}/", {"note": "At the sea"}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["deputy"], answer.json()["note"]) == (
        200,
        second.pk,
        "At the sea",
    )


def test_open_tickets_are_handed_over_once(write: Write, team: Team, agent: User, second: User) -> None:
    mine = routed(write, team, assignee=agent)
    waiting = routed(write, team, assignee=agent, status="waiting", status_category="waiting")
    absence = absent(agent, starts_at=timezone.now() + timedelta(hours=1))
    assert hand_over_absences() == 0
    Absence.objects.filter(pk=absence.pk).update(starts_at=timezone.now() - timedelta(minutes=1))
    assert hand_over_absences() == 1
    assert owner_of(mine) == second
    assert reason_of(mine).startswith("Priya Raman is absent. Most free capacity")
    assert owner_of(waiting) == agent
    event = Event.objects.filter(verb="tickets.assigned", ticket_id=mine.pk).last()
    assert event is not None
    assert event.detail.data["from"] == agent.pk
    # Given back by hand it stays.
    assign_ticket(ticket=mine, assignee=agent, by=agent.as_viewer())
    assert hand_over_absences() == 0
    assert owner_of(mine) == agent


def test_the_deputy_stands_in_while_there_is_room(
    write: Write, team: Team, agent: User, second: User
) -> None:
    deputy = make_user("agent", "Dora Lind", capacity=1)
    first, other = routed(write, team, assignee=agent), routed(write, team, assignee=agent)
    absent(agent, deputy=deputy)
    assert hand_over_absences() == 2
    assert (owner_of(first), owner_of(other)) == (deputy, second)
    assert reason_of(first) == "Priya Raman is absent. Deputy."


def test_a_deputy_gets_no_ticket_of_a_private_team_of_others(
    write: Write, team: Team, agent: User, private_team: Team, lawyer: User, second: User
) -> None:
    TeamMembership.objects.create(team=private_team, user=agent)
    secret, plain = routed(write, private_team, assignee=agent), routed(write, team, assignee=agent)
    absent(agent, deputy=second)
    assert hand_over_absences() == 2
    assert (owner_of(secret), owner_of(plain)) == (lawyer, second)
    # A member may stand in.
    TeamMembership.objects.create(team=private_team, user=second)
    Ticket.objects.filter(pk=secret.pk).update(assignee=agent)
    Absence.objects.update(handed_over_at=None)
    assert hand_over_absences() == 1
    assert owner_of(secret) == second


def test_without_anybody_it_goes_back_to_the_team(write: Write, team: Team, agent: User) -> None:
    mine = routed(write, team, assignee=agent)
    absent(agent)
    assert hand_over_absences() == 1
    assert owner_of(mine) is None
    assert reason_of(mine) == "Priya Raman is absent. Nobody of the team is available"


def test_an_answer_during_the_absence_goes_to_the_deputy(
    write: Write, team: Team, agent: User, second: User, pump: Callable[[], int]
) -> None:
    mine = routed(write, team, assignee=agent, status="waiting", status_category="waiting")
    pump()
    absent(agent, deputy=second)
    hand_over_absences()
    write("I have more to say", ticket=mine)
    pump()
    assert owner_of(mine) == second


def test_a_reopened_ticket_waits_for_its_owner_for_some_hours(
    write: Write, team: Team, agent: User, second: User, pump: Callable[[], int]
) -> None:
    first = routed(write, team, assignee=agent)
    change_status(ticket=first, status="resolved", by=agent.as_viewer())
    pump()
    # Away for a short while: it stays.
    set_availability(user=agent, availability="away", by=agent.as_viewer())
    write("Not solved", ticket=first)
    pump()
    assert owner_of(first) == agent
    # Away for long: to the pool.
    change_status(ticket=first, status="resolved", by=agent.as_viewer())
    pump()
    User.objects.filter(pk=agent.pk).update(availability_changed_at=timezone.now() - timedelta(hours=9))
    write("Still not solved", ticket=first)
    pump()
    assert owner_of(first) == second
    assert reason_of(first).startswith("Priya Raman is not back in time.")


def test_tickets_are_taken_from_who_is_away_while_customers_wait(
    write: Write, team: Team, agent: User, second: User
) -> None:
    past = timezone.now() - timedelta(minutes=45)
    mine = routed(write, team, assignee=agent, waiting_since=past)
    fresh = routed(write, team, assignee=agent)
    User.objects.filter(pk=agent.pk).update(availability="away", availability_changed_at=past)
    assert take_back_unattended() == 0
    strategy(team, unattended_minutes=30)
    assert take_back_unattended() == 1
    assert (owner_of(mine), owner_of(fresh)) == (second, agent)
    assert reason_of(mine).startswith("Priya Raman has been away for 30 minutes.")


def test_what_cannot_be_planned(agent: User, second: User, lead_user: User) -> None:
    now = timezone.now()
    absence = absent(agent)
    for fields, field in (
        ({"starts_at": now, "ends_at": now - timedelta(days=1)}, "ends_at"),
        ({"starts_at": now - timedelta(days=9), "ends_at": now - timedelta(days=8)}, "ends_at"),
        ({"starts_at": now, "ends_at": now + timedelta(days=1)}, "starts_at"),
        (
            {"starts_at": now + timedelta(days=9), "ends_at": now + timedelta(days=10), "deputy": agent},
            "deputy",
        ),
    ):
        with pytest.raises(ValidationError) as refusal:
            plan_absence(user=agent, by=agent.as_viewer(), **fields)  # type: ignore[arg-type]
        assert field in refusal.value.message_dict
    with pytest.raises(PermissionDenied):
        cancel_absence(absence=absence, by=second.as_viewer())
    with pytest.raises(PermissionDenied):
        save_skill(name="X", people=[], by=agent.as_viewer())
    cancel_absence(absence=absence, by=lead_user.as_viewer())
    cancel_absence(absence=absence, by=lead_user.as_viewer())
    assert Event.objects.filter(verb="people.absence_changed").count() == 2
    assert Skill.objects.count() == 0


# --- pages and REST ---------------------------------------------------------------------------------------------------


def test_the_menu_tells_why(write: Write, team: Team, agent: User, second: User, login: Any) -> None:
    set_availability(user=second, availability="busy", by=second.as_viewer())
    ticket = routed(write, team)
    address = f"/inbox/{ticket.pk}/assignees/"
    page = login(agent).get(address).content.decode()
    assert "Would go to Priya Raman" in page
    assert "busy" in page
    assign_waiting_tickets()
    page = login(agent).get(address).content.decode()
    assert "Why? Most free capacity: 0 of 20" in " ".join(page.split())
    assert "gets the ticket" in page


def test_planning_on_the_page(agent: User, second: User, lead_user: User, login: Any) -> None:
    browser = login(agent)
    start, end = "2031-03-03T08:00", "2031-03-10T18:00"
    form = {"starts_at": start, "ends_at": end, "deputy": second.pk, "note": "Holiday"}
    assert browser.post("/absences/", form | {"user": second.pk}).status_code == 302
    absence = Absence.objects.get()
    assert (absence.user, absence.deputy) == (agent, second)
    assert browser.post("/absences/", form).status_code == 422
    page = browser.get("/absences/").content.decode()
    assert "Holiday" in page
    assert "Deputy: Tom Beck" in page
    assert "Holiday" not in login(second).get("/absences/").content.decode()
    assert "Priya Raman" in login(lead_user).get("/absences/").content.decode()
    assert login(second).post(f"/absences/{absence.pk}/cancel/").status_code == 404
    assert browser.post(f"/absences/{absence.pk}/cancel/").status_code == 302
    absence.refresh_from_db()
    assert absence.cancelled_at is not None


def test_a_plan_can_be_changed(agent: User, second: User, lead_user: User, login: Any, api: Any) -> None:
    absence = absent(agent, starts_at=timezone.now() + timedelta(days=1))
    address = f"/absences/{absence.pk}/"
    browser = login(agent)
    assert f'href="{address}"' in browser.get("/absences/").content.decode()
    assert 'name="deputy"' in browser.get(address).content.decode()
    form = {
        "starts_at": "2031-03-03T08:00",
        "ends_at": "2031-03-10T18:00",
        "deputy": second.pk,
        "note": "Sea",
    }
    assert browser.post(address, form).status_code == 302
    absence.refresh_from_db()
    assert (absence.starts_at.year, absence.deputy, absence.note) == (2031, second, "Sea")
    refused = browser.post(address, form | {"ends_at": "2031-03-01T08:00"})
    assert (refused.status_code, "must be after the start" in refused.content.decode()) == (422, True)
    assert login(second).get(address).status_code == 404
    assert login(lead_user).post(address, form | {"note": "Mountains"}).status_code == 302
    events = Event.objects.filter(verb="people.absence_changed").select_related("detail").order_by("pk")
    assert [(event.detail.data or {})["what"] for event in events] == ["planned", "changed", "changed"]
    # By REST what is not named stays; reading and writing have scopes of their own.
    path, writer = f"/api/v1/absences/{absence.pk}/", api("people:write")
    assert api("people:read").patch(path, {"note": "x"}, format="json").status_code == 403
    changed = writer.patch(path, {"deputy": None}, format="json").json()
    assert (changed["deputy"], changed["note"]) == (None, "Mountains")
    assert api("people:read").get(path).json() == changed
    other = absent(agent, days=2)
    answer = writer.patch(path, {"starts_at": timezone.now().isoformat()}, format="json")
    assert (answer.status_code, "starts_at" in json.dumps(answer.json())) == (400, True)
    assert writer.patch(path, {"deputy": agent.pk}, format="json").status_code == 400
    # What has begun keeps its start.
    page = browser.get(f"/absences/{other.pk}/").content.decode()
    assert 'name="starts_at"' not in page
    form = {"ends_at": "2030-01-01T08:00", "note": "Longer", "deputy": ""}
    assert browser.post(f"/absences/{other.pk}/", form).status_code == 302
    agent.refresh_from_db()
    assert agent.absent_until is not None
    assert agent.absent_until.year == 2030
    begun = writer.patch(
        f"/api/v1/absences/{other.pk}/", {"starts_at": "2029-01-01T08:00:00Z"}, format="json"
    )
    assert begun.status_code == 400
    cancel_absence(absence=other, by=agent.as_viewer())
    assert writer.patch(f"/api/v1/absences/{other.pk}/", {"note": "x"}, format="json").status_code == 404


def test_the_top_bar_says_who_is_absent(agent: User, login: Any) -> None:
    assert "Absent until" not in login(agent).get("/profile/").content.decode()
    absent(agent)
    assert "Absent until" in login(agent).get("/profile/").content.decode()


def test_skills_and_strategy_on_the_settings_pages(
    agent: User, team: Team, category: Category, lead_user: User, admin: User, login: Any
) -> None:
    form = {"name": "German", "language": "DE", "people": [agent.pk], "is_active": "on"}
    assert login(agent).post("/settings/skills/new/", form).status_code == 403
    assert login(lead_user).post("/settings/skills/new/", form).status_code == 302
    skill = Skill.objects.get()
    assert (skill.language, [one.user for one in skill.holders.all()]) == ("de", [agent])
    assert "1 person" in login(lead_user).get("/settings/skills/").content.decode()
    assert login(lead_user).post("/settings/skills/new/", form).status_code == 422
    browser = login(admin)
    values = {
        "name": "Billing",
        "description": "x",
        "strategy": "skills",
        "members": [agent.pk],
        "is_active": "on",
    }
    answer = browser.post(
        f"/settings/teams/{team.pk}/", values | {"previous_owner_days": "14", "reopen_hours": "4"}
    )
    assert answer.status_code == 302
    team.refresh_from_db()
    assert (team.strategy, team.previous_owner_days, team.reopen_hours, team.unattended_minutes) == (
        "skills",
        14,
        4,
        0,
    )
    kind = {"name": "Outage", "required_skills": [skill.pk], "is_active": "on"}
    assert browser.post("/settings/types/new/", kind).status_code == 302
    outage = TicketType.objects.get()
    assert list(outage.required_skills.all()) == [skill]
    assert f'value="{skill.pk}"' in browser.get(f"/settings/types/{outage.pk}/").content.decode()
    assert browser.post(f"/settings/types/{outage.pk}/", kind | {"required_skills": []}).status_code == 302
    assert not outage.required_skills.exists()
    values = {"name": category.name, "description": "x", "required_skills": [skill.pk], "is_active": "on"}
    assert browser.post(f"/settings/categories/{category.pk}/", values).status_code == 302
    assert list(category.required_skills.all()) == [skill]


def test_skills_of_types_by_rest(api: Any, agent: User, lead_user: User) -> None:
    network = save_skill(name="Network", people=[agent], by=lead_user.as_viewer())
    client = api("tickets:configure")
    wanted = {"name": "Outage", "required_skills": ["network"]}
    made = client.post("/api/v1/ticket-types/", wanted, format="json").json()
    assert made["required_skills"] == [network.pk]
    path = f"/api/v1/ticket-types/{made['id']}/"
    assert client.patch(path, {"description": "x"}, format="json").json()["required_skills"] == [network.pk]
    assert client.patch(path, {"required_skills": []}, format="json").json()["required_skills"] == []
    refused = client.patch(path, {"required_skills": [999999]}, format="json")
    assert (refused.status_code, "required_skills" in json.dumps(refused.json())) == (400, True)


def test_rest(write: Write, agent: User, second: User, team: Team, api: Any) -> None:
    reader, writer = api("people:read"), api("people:write")
    answer = reader.put(f"/api/v1/people/{agent.pk}/availability/", {"availability": "away"}, format="json")
    assert answer.status_code == 403
    answer = writer.put(f"/api/v1/people/{agent.pk}/availability/", {"availability": "away"}, format="json")
    assert answer.json()["availability"] == "away"
    assert (
        writer.put("/api/v1/people/999999/availability/", {"availability": "away"}, format="json").status_code
        == 404
    )
    skill = writer.post("/api/v1/skills/", {"name": "Tax", "people": [agent.pk]}, format="json").json()
    assert skill["people"] == [agent.pk]
    answer = writer.put(f"/api/v1/people/{second.pk}/skills/", {"skills": [skill["id"]]}, format="json")
    assert answer.json()["skills"] == [skill["id"]]
    changed = writer.put(
        f"/api/v1/skills/{skill['id']}/", {"name": "Taxes", "people": []}, format="json"
    ).json()
    assert (changed["name"], changed["people"]) == ("Taxes", [])
    plan = {"user": agent.pk, "starts_at": "2031-03-03T08:00:00Z", "ends_at": "2031-03-10T08:00:00Z"}
    absence = writer.post("/api/v1/absences/", plan, format="json").json()
    assert writer.post("/api/v1/absences/", plan, format="json").status_code == 400
    assert [one["id"] for one in reader.get("/api/v1/absences/").json()["results"]] == [absence["id"]]
    assert reader.delete(f"/api/v1/absences/{absence['id']}/").status_code == 403
    assert writer.delete(f"/api/v1/absences/{absence['id']}/").status_code == 204
    people = {one["id"]: one for one in reader.get("/api/v1/people/").json()["results"]}
    assert people[agent.pk]["teams"] == [team.pk]
    assert api("tickets:read").get("/api/v1/people/").status_code == 403
    ticket = routed(write, team)
    story = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/assignment/").json()
    assert story["is_preview"]
    assert {one["name"]: one["verdict"] for one in story["considered"]} == {
        "Tom Beck": "chosen",
        "Priya Raman": "away",
    }


@pytest.mark.django_db(transaction=True)
def test_several_teams_at_once_neither_block_nor_give_twice(write: Write) -> None:
    people = [make_user("agent", name, capacity=3) for name in ("Ann One", "Bea Two", "Cid Three")]
    teams = [Team.objects.create(name=f"Team {number}", strategy="balanced") for number in range(3)]
    for number, team in enumerate(teams):
        # Each team shares a member with each other, in another order.
        for user in (people[number], people[(number + 1) % 3]):
            TeamMembership.objects.create(team=team, user=user)
    tickets = [routed(write, teams[number % 3]) for number in range(12)]
    given = at_once([assign_waiting_tickets for _thread in range(4)])
    given.append(assign_waiting_tickets())
    owners = [owner_of(ticket) for ticket in tickets]
    assert sum(owner is not None for owner in owners) == 9
    assert all(owners.count(user) == 3 for user in people)
    events = Event.objects.filter(verb="tickets.assigned")
    assert events.count() == events.values("ticket_id").distinct().count() == 9
