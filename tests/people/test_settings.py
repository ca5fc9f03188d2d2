"""Settings of people, teams, calendars, roles, API keys and the profile, through the pages."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Calendar, Event, Outbound
from people.models import ApiKey, Team, User
from people.roles import PERMISSIONS, Role
from tests.conftest import PASSWORD, make_user
from tickets.models import SLAPolicy


@pytest.fixture
def browser(admin: User, login: Any) -> Client:
    """The administrator's browser."""
    return login(admin)  # type: ignore[no-any-return]


def last_event(verb: str) -> Event:
    """Return the newest event of a kind, with its detail."""
    return Event.objects.select_related("detail").filter(verb=verb).latest("pk")


def person_data(user: User, **changes: Any) -> dict[str, Any]:
    """Return what the person's form sends."""
    return {
        "name": user.name,
        "role": user.role,
        "capacity": user.capacity,
        "timezone": user.timezone,
        **changes,
    }


def test_an_administrator_invites_somebody(browser: Client, team: Team) -> None:
    response = browser.post(
        "/settings/people/new/",
        {"email": "Aino@Desk.Example", "name": "Aino Salo", "role": "agent", "teams": [team.pk]},
        follow=True,
    )
    assert "Invitation to aino@desk.example is on its way." in response.content.decode()
    user = User.objects.get(email="aino@desk.example")
    assert not user.has_usable_password()
    assert [membership.team for membership in user.memberships.all()] == [team]
    assert Outbound.objects.get(kind="account_mail").payload == {"user": user.pk, "purpose": "invite"}
    assert last_event("people.user_created").subject_id == user.pk


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "priya.agent@desk.example", "already exists"),
        ("email", "no address", "valid email"),
        ("role", "integration", "not one of the available choices"),
        ("name", "", "required"),
    ],
)
def test_a_wrong_invitation_is_refused_beside_its_field(
    browser: Client, agent: User, field: str, value: str, words: str
) -> None:
    data = {"email": "new@desk.example", "name": "New", "role": "agent", field: value}
    response = browser.post("/settings/people/new/", data)
    assert response.status_code == 422
    assert any(words in error for error in response.context["form"].errors[field])
    assert not User.objects.filter(email="new@desk.example").exists()


def test_a_person_is_changed_and_the_event_tells_what(browser: Client, agent: User, team: Team) -> None:
    hours = Calendar.objects.create(name="Office", windows={"0": [["09:00", "17:00"]]})
    other = Team.objects.create(name="Product")
    browser.post(
        f"/settings/people/{agent.pk}/",
        person_data(agent, capacity=7, timezone="Europe/Oslo", teams=[other.pk], working_hours=hours.pk),
    )
    agent.refresh_from_db()
    assert (agent.capacity, agent.timezone, agent.working_hours) == (7, "Europe/Oslo", hours)
    assert last_event("people.user_changed").detail.data == {
        "capacity": [20, 7],
        "timezone": ["UTC", "Europe/Oslo"],
        "working_hours": [None, hours.pk],
        "teams": [[team.pk], [other.pk]],
    }


def test_saving_without_a_change_records_nothing(browser: Client, agent: User, team: Team) -> None:
    browser.post(f"/settings/people/{agent.pk}/", person_data(agent, teams=[team.pk]))
    assert not Event.objects.filter(verb="people.user_changed").exists()


def test_the_last_administrator_stays_one(browser: Client, admin: User) -> None:
    invited = make_user(Role.ADMIN, "Only Invited")
    User.objects.filter(pk=invited.pk).update(password="!")
    response = browser.post(f"/settings/people/{admin.pk}/", person_data(admin, role="agent"))
    assert response.status_code == 422
    assert "last administrator" in response.content.decode()
    admin.refresh_from_db()
    assert admin.role == Role.ADMIN
    make_user(Role.ADMIN, "Second Boss")
    assert browser.post(f"/settings/people/{admin.pk}/", person_data(admin, role="agent")).status_code == 302


def test_deactivating_ends_sessions_at_once_and_can_be_taken_back(
    browser: Client, agent: User, login: Any
) -> None:
    theirs = login(agent)
    browser.post(f"/settings/people/{agent.pk}/deactivate/")
    assert theirs.get("/profile/").status_code == 302
    agent.refresh_from_db()
    assert (agent.is_active, agent.availability) == (False, "away")
    assert "people.user_deactivated" in Event.objects.values_list("verb", flat=True)
    browser.post(f"/settings/people/{agent.pk}/reactivate/")
    assert Client().post("/login/", {"email": agent.email, "password": PASSWORD}).status_code == 302


def test_nobody_deactivates_itself(browser: Client, admin: User) -> None:
    make_user(Role.ADMIN, "Second Boss")
    response = browser.post(f"/settings/people/{admin.pk}/deactivate/", follow=True)
    assert "You cannot deactivate yourself." in response.content.decode()
    admin.refresh_from_db()
    assert admin.is_active


def test_an_administrator_signs_somebody_out(browser: Client, agent: User, login: Any) -> None:
    theirs = login(agent)
    browser.post(f"/settings/people/{agent.pk}/sign-out/")
    assert theirs.get("/profile/").status_code == 302


def test_only_people_without_a_password_are_invited_again(browser: Client, agent: User) -> None:
    response = browser.post(f"/settings/people/{agent.pk}/invite/", follow=True)
    assert "Only active people without a password are invited." in response.content.decode()
    assert not Outbound.objects.exists()


def test_a_team_is_made_and_changed(browser: Client, agent: User) -> None:
    data = {
        "name": "Security",
        "description": "Logins",
        "strategy": "manual",
        "is_private": "on",
        "is_active": "on",
    }
    browser.post("/settings/teams/new/", {**data, "members": [agent.pk]})
    team = Team.objects.get(name="Security")
    assert (team.is_private, team.strategy, team.is_active) == (True, "manual", True)
    assert [membership.user_id for membership in team.memberships.all()] == [agent.pk]
    browser.post(f"/settings/teams/{team.pk}/", {**data, "name": "Trust"})
    team.refresh_from_db()
    assert team.name == "Trust"
    assert last_event("people.team_saved").detail.data == {
        "name": ["Security", "Trust"],
        "members": [[agent.pk], []],
    }
    duplicate = browser.post("/settings/teams/new/", data | {"name": "Trust"})
    assert duplicate.status_code == 422
    assert "name" in duplicate.context["form"].errors


WEEK = {"name": "Office", "timezone": "Europe/Berlin", "day_0": "9-12, 13:00–17:30", "day_4": "22:00-24:00"}


def test_a_calendar_is_written_as_text_and_kept_as_windows(browser: Client) -> None:
    browser.post("/settings/calendars/new/", {**WEEK, "holidays": "2027-01-01\n\n2026-12-25"})
    calendar = Calendar.objects.get()
    assert calendar.windows == {"0": [["09:00", "12:00"], ["13:00", "17:30"]], "4": [["22:00", "24:00"]]}
    assert calendar.holidays == ["2026-12-25", "2027-01-01"]
    assert "Mon 09:00–12:00, 13:00–17:30" in browser.get("/settings/calendars/").content.decode()
    form = browser.get(f"/settings/calendars/{calendar.pk}/").context["form"]
    assert form.initial["day_0"] == "09:00-12:00, 13:00-17:30"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("day_0", "nine to five", "is no window like"),
        ("day_0", "25:00-26:00", "is no window like"),
        ("day_0", "17:00-09:00", "ends before it starts"),
        ("day_1", "09:00-12:00, 11:00-13:00", "overlap at 11:00"),
        ("holidays", "2027-02-30", "is no date like"),
        ("timezone", "Mars/Olympus", "not one of the available choices"),
    ],
)
def test_a_wrong_calendar_is_refused_beside_its_field(
    browser: Client, field: str, value: str, words: str
) -> None:
    response = browser.post("/settings/calendars/new/", {**WEEK, field: value})
    assert response.status_code == 422
    assert any(words in error for error in response.context["form"].errors[field])
    assert not Calendar.objects.exists()


def test_a_calendar_without_any_opening_is_refused(browser: Client) -> None:
    response = browser.post("/settings/calendars/new/", {"name": "Never", "timezone": "UTC"})
    assert response.status_code == 422
    assert "at least one weekday" in str(response.context["form"].non_field_errors())


def test_a_calendar_in_use_by_a_promise_is_kept(browser: Client) -> None:
    calendar = Calendar.objects.create(name="Office", windows={"0": [["09:00", "17:00"]]})
    policy = SLAPolicy.objects.create(name="Everybody", calendar=calendar)
    answer = browser.post(f"/settings/calendars/{calendar.pk}/delete/", follow=True)
    assert "An SLA policy uses this calendar." in answer.content.decode()
    policy.delete()
    browser.post(f"/settings/calendars/{calendar.pk}/delete/")
    assert not Calendar.objects.exists()
    assert last_event("people.calendar_deleted").detail.data == {"name": "Office"}


def test_an_api_key_is_shown_once_works_and_can_be_revoked(admin: User, login: Any) -> None:
    with time_machine.travel("2027-03-01 09:00:00+00:00", tick=False):
        browser = login(admin)
        response = browser.post(
            "/settings/api-keys/new/", {"name": "CRM", "scopes": ["accounts:read"], "lifetime_days": "30"}
        )
        secret = response.context["secret"]
        key = ApiKey.objects.get()
        assert key.expires_at == timezone.now() + timedelta(days=30)
        assert secret not in browser.get("/settings/api-keys/").content.decode()
        rest = APIClient()
        rest.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert rest.get("/api/v1/nothing/").status_code == 404
        assert key.as_viewer().permissions == {"customers.view", "health.view"}
        browser.post(f"/settings/api-keys/{key.pk}/revoke/")
    key.refresh_from_db()
    assert not key.is_usable
    assert key.as_viewer().permissions == frozenset()
    assert last_event("people.api_key_revoked").subject_id == key.pk


def test_a_key_needs_a_scope(browser: Client) -> None:
    response = browser.post("/settings/api-keys/new/", {"name": "CRM", "lifetime_days": "30"})
    assert response.status_code == 422
    assert "scopes" in response.context["form"].errors


def test_the_role_table_is_the_one_the_code_checks(browser: Client) -> None:
    page = browser.get("/settings/roles/")
    shown = sum(held for _area, rows in page.context["areas"] for _label, row in rows for held in row)
    assert shown == sum(len(PERMISSIONS[role]) for role in Role if role != Role.INTEGRATION)


def test_a_profile_is_changed_by_its_owner(agent: User, login: Any) -> None:
    browser = login(agent)
    browser.post(
        "/profile/",
        {"name": "Priya R.", "timezone": "Asia/Kolkata", "availability_at_login": "busy", "role": "admin"},
    )
    agent.refresh_from_db()
    assert (agent.name, agent.timezone, agent.role) == ("Priya R.", "Asia/Kolkata", Role.AGENT)
    assert agent.preferences["availability_at_login"] == "busy"
    assert set(last_event("people.profile_changed").detail.data or {}) == {"name", "timezone", "preferences"}


def test_availability_is_switched_from_any_page_and_told(agent: User, login: Any) -> None:
    browser = login(agent)
    response = browser.post("/availability/", {"availability": "away", "next": "/search/?q=x"})
    assert response["Location"] == "/search/?q=x"
    agent.refresh_from_db()
    assert agent.availability == "away"
    assert agent.availability_changed_at is not None
    assert last_event("people.availability_changed").detail.data == {"old": "available", "new": "away"}
    browser.post("/availability/", {"availability": "away"})
    assert Event.objects.filter(verb="people.availability_changed").count() == 1
    part = browser.post("/availability/", {"availability": "busy"}, HTTP_HX_REQUEST="true")
    assert "Busy" in part.content.decode()
    assert browser.post("/availability/", {"availability": "asleep"}, follow=True).status_code == 200
    agent.refresh_from_db()
    assert agent.availability == "busy"


def test_the_settings_door_leads_to_the_first_page_one_may_open(
    admin: User, lead_user: User, agent: User, login: Any
) -> None:
    assert login(admin).get("/settings/")["Location"] == reverse("settings-people")
    assert login(lead_user).get("/settings/")["Location"] == reverse("settings-skills")
    assert login(agent).get("/settings/")["Location"] == reverse("settings-macros")
