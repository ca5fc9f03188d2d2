"""Login, pauses, password links and the end of sessions, through the pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from core.models import Event, Outbound, Setting
from core.outbox import send_due
from people.account_links import link_token, user_of_token
from people.models import LoginPause, User
from people.pages.login import DEMO_PASSWORD
from people.roles import Role
from people.services.save_user import invite_user, save_user
from people.tasks import forget_old_logins
from tests.conftest import PASSWORD, make_user


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    """Post the login form."""
    return client.post("/login/", {"email": email, "password": password, "remember": "on"}, **extra)


def verbs() -> list[str]:
    """Return the verbs recorded, in order."""
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


def test_a_person_signs_in_with_any_case_of_the_address_and_gets_a_new_session_key(
    agent: User, client: Client
) -> None:
    client.get("/login/")
    client.session["seen"] = True
    before = client.session.session_key
    response = sign_in(client, agent.email.upper())
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert client.session.session_key != before
    assert verbs() == ["people.logged_in"]
    assert client.cookies["device"]["httponly"]


def test_the_page_asked_for_is_shown_after_the_login_but_never_another_site(
    agent: User, client: Client
) -> None:
    assert client.get("/profile/")["Location"] == "/login/?next=/profile/"
    good = client.post("/login/", {"email": agent.email, "password": PASSWORD, "next": "/profile/"})
    assert good["Location"] == "/profile/"
    client.logout()
    for bad in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert (
            client.post("/login/", {"email": agent.email, "password": PASSWORD, "next": bad})["Location"]
            == "/"
        )
        client.logout()


def test_without_remember_the_session_ends_with_the_browser(agent: User, client: Client) -> None:
    client.post("/login/", {"email": agent.email, "password": PASSWORD})
    assert client.session.get_expire_at_browser_close()
    client.logout()
    sign_in(client, agent.email)
    assert not client.session.get_expire_at_browser_close()


@pytest.mark.parametrize("email", ["nobody@desk.example", "priya.agent@desk.example"])
def test_a_refusal_is_the_same_whether_the_person_exists(agent: User, client: Client, email: str) -> None:
    response = sign_in(client, email, "wrong")
    assert response.status_code == 422
    assert "E-mail and password do not match." in response.content.decode()
    event = Event.objects.select_related("detail").get(verb="people.login_refused")
    assert event.detail.data == {"email": email, "address": "127.0.0.1"}


def test_an_inactive_person_cannot_sign_in(agent: User, client: Client) -> None:
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert sign_in(client, agent.email).status_code == 422


def test_guessing_is_paused_longer_each_time_and_the_right_password_does_not_help_meanwhile(
    agent: User, client: Client
) -> None:
    with time_machine.travel("2027-03-01 09:00:00+00:00", tick=False) as clock:
        for _try in range(4):
            assert sign_in(client, agent.email, "wrong").status_code == 422
        assert "5 minutes" in sign_in(client, agent.email, "wrong").content.decode()
        assert sign_in(client, agent.email).status_code == 429
        clock.shift(timedelta(minutes=5, seconds=1))
        assert "10 minutes" in sign_in(client, agent.email, "wrong").content.decode()
        clock.shift(timedelta(minutes=10, seconds=1))
        assert sign_in(client, agent.email).status_code == 302


def test_a_stranger_cannot_lock_a_person_out(agent: User) -> None:
    mine = Client(REMOTE_ADDR="192.0.2.1")
    assert sign_in(mine, agent.email).status_code == 302
    mine.post("/logout/")
    for number in range(60):
        sign_in(Client(REMOTE_ADDR=f"198.51.100.{number}"), agent.email, "wrong")
    new_place = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(new_place, agent.email).status_code == 429  # guessing from everywhere is slowed down
    assert sign_in(mine, agent.email).status_code == 302  # a browser the person has used is not


def test_one_address_cannot_try_one_password_on_everybody(db: None) -> None:
    client = Client(REMOTE_ADDR="198.51.100.7")
    answers = [
        sign_in(client, f"person{number}@desk.example", "Summer2027").status_code for number in range(52)
    ]
    assert answers[:49] == [422] * 49
    assert answers[-1] == 429


def test_the_counters_hold_no_address_and_no_mail_address(agent: User, client: Client) -> None:
    sign_in(client, agent.email, "wrong")
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in LoginPause.objects.values_list("key", flat=True))


def test_old_counters_and_sessions_are_forgotten(agent: User, client: Client) -> None:
    with time_machine.travel("2027-03-01 09:00:00+00:00", tick=False) as clock:
        sign_in(client, agent.email, "wrong")
        sign_in(client, agent.email)
        clock.shift(timedelta(days=1, seconds=-1))
        forget_old_logins()
        assert LoginPause.objects.exists()
        assert Session.objects.exists()
        clock.shift(timedelta(days=14))
        forget_old_logins()
        assert not LoginPause.objects.exists()
        assert not Session.objects.exists()


def test_logging_out_needs_a_post(agent: User, login: Any) -> None:
    browser = login(agent)
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/profile/").status_code == 302
    assert verbs() == ["people.logged_out"]


def test_availability_after_login_is_what_the_profile_says(agent: User, client: Client) -> None:
    User.objects.filter(pk=agent.pk).update(
        availability="away", preferences={"availability_at_login": "available"}
    )
    sign_in(client, agent.email)
    agent.refresh_from_db()
    assert agent.availability == "available"
    assert verbs() == ["people.logged_in", "people.availability_changed"]


def link_in(message: mail.EmailMessage) -> str:
    """Return the path of the link in a mail."""
    found = re.search(r"https?://[^/\s]+(/password/\S+)", str(message.body))
    assert found
    return found.group(1)


def test_a_password_is_set_by_a_mailed_link_once(agent: User, client: Client, settings: Any) -> None:
    settings.SITE_URL = "https://desk.example"
    elsewhere = Client()
    elsewhere.force_login(agent)
    client.post("/password/", {"email": agent.email.upper()}, HTTP_HOST="127.0.0.1")
    assert send_due() == 1
    [message] = mail.outbox
    assert message.to == [agent.email]
    assert "https://desk.example/password/reset/" in message.body
    path = link_in(message)
    assert client.get(path).status_code == 200
    assert client.post(path, {"new_password": "short"}).status_code == 422
    assert client.post(path, {"new_password": "four-calm-river-stones"})["Location"] == "/login/"
    assert client.get(path).status_code == 404
    assert client.post(path, {"new_password": "another-calm-river-stone"}).status_code == 404
    assert elsewhere.get("/profile/").status_code == 302
    assert sign_in(client, agent.email, "four-calm-river-stones").status_code == 302
    assert verbs() == ["people.password_link_requested", "people.password_changed", "people.logged_in"]


def test_asking_for_a_link_answers_the_same_for_a_stranger_and_mails_nothing(
    agent: User, client: Client
) -> None:
    bodies = []
    for email in (agent.email, "nobody@desk.example"):
        response = client.post("/password/", {"email": email})
        assert response.status_code == 200
        body = re.sub(r"csrf[^>]+>|hx-headers='[^']+'", "", response.content.decode())
        bodies.append(body.replace(email, "X"))
    assert bodies[0] == bodies[1]
    assert Outbound.objects.count() == 2  # the same work is done for both
    send_due()
    assert [message.to for message in mail.outbox] == [[agent.email]]
    assert Outbound.objects.filter(state="cancelled").count() == 1


def test_a_flood_of_requests_is_one_mail(agent: User, client: Client) -> None:
    with time_machine.travel("2027-03-01 09:01:00+00:00", tick=False):
        for _request in range(10):
            client.post("/password/", {"email": agent.email})
        send_due()
    assert len(mail.outbox) == 1


def test_an_address_that_asks_too_often_is_answered_and_ignored(client: Client, db: None) -> None:
    for number in range(30):
        assert client.post("/password/", {"email": f"person{number}@desk.example"}).status_code == 200
    assert Event.objects.filter(verb="people.password_link_requested").count() == 20


@pytest.mark.parametrize("token", ["", "null", "None", "x:y:z", "MQ:1aaaaa:bbbb"])
def test_made_up_tokens_open_nothing(agent: User, client: Client, token: str) -> None:
    assert user_of_token(token, "reset") is None
    assert user_of_token(token, "invite") is None
    assert client.get(f"/password/reset/{token}/").status_code == 404


def test_a_link_serves_one_purpose_one_person_and_its_time(agent: User, admin: User) -> None:
    with time_machine.travel("2027-03-01 09:00:00+00:00", tick=False) as clock:
        reset, invite = link_token(agent, "reset"), link_token(agent, "invite")
        assert user_of_token(reset, "reset") == agent
        assert user_of_token(invite, "invite") == agent
        assert user_of_token(reset, "invite") is None
        assert user_of_token(invite, "reset") is None
        assert user_of_token(reset, "everything") is None
        clock.shift(timedelta(minutes=61))
        assert user_of_token(reset, "reset") is None
        assert user_of_token(invite, "invite") == agent
        clock.shift(timedelta(hours=23, minutes=1))
        assert user_of_token(invite, "invite") is None
    fresh = link_token(agent, "reset")
    User.objects.filter(pk=agent.pk).update(last_login=timezone.now())
    assert user_of_token(fresh, "reset") is None
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert user_of_token(link_token(admin, "reset"), "reset") is None


def test_an_invited_person_chooses_a_password(admin: User, client: Client) -> None:
    invite_user(email="New@Desk.Example", name="Aino Salo", role=Role.AGENT, teams=[], by=admin.as_viewer())
    send_due()
    path = link_in(mail.outbox[0])
    assert path.startswith("/password/invite/")
    assert "Welcome, Aino Salo" in client.get(path).content.decode()
    client.post(path, {"new_password": "four-calm-river-stones"})
    assert sign_in(client, "new@desk.example", "four-calm-river-stones").status_code == 302


def test_links_are_made_for_the_configured_site_only(agent: User, client: Client) -> None:
    response = client.post("/password/", {"email": agent.email}, HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert not Outbound.objects.exists()


def test_changing_the_password_keeps_this_session_and_ends_all_others(agent: User, login: Any) -> None:
    here, there = login(agent), login(agent)
    wrong = here.post("/profile/password/", {"old_password": "x", "new_password": "four-calm-river-stones"})
    assert wrong.status_code == 422
    assert "This is not your present password." in wrong.content.decode()
    here.post("/profile/password/", {"old_password": PASSWORD, "new_password": "four-calm-river-stones"})
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302


def test_a_new_role_ends_the_sessions(admin: User, agent: User, login: Any) -> None:
    browser = login(agent)
    save_user(
        user=agent,
        name=agent.name,
        role=Role.LEAD,
        teams=[],
        capacity=5,
        timezone="UTC",
        working_hours=None,
        by=admin.as_viewer(),
    )
    assert browser.get("/profile/").status_code == 302


def test_signing_out_elsewhere_keeps_this_session(agent: User, login: Any) -> None:
    here, there = login(agent), login(agent)
    here.post("/profile/sign-out-elsewhere/")
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302


def test_a_part_of_a_page_without_a_session_is_refused_not_replaced_by_the_login(
    client: Client, db: None
) -> None:
    assert client.get("/profile/", HTTP_HX_REQUEST="true").status_code == 401


def test_the_login_page_offers_the_demo_people_only_while_there_is_demo_data(
    client: Client, db: None
) -> None:
    User.objects.create_user("agent@demo.example", DEMO_PASSWORD, name="Demo Agent", role=Role.AGENT)
    assert "agent@demo.example" not in client.get("/login/").content.decode()
    Setting.objects.create(key="demo", value=True)
    page = client.get("/login/").content.decode()
    assert "agent@demo.example" in page
    assert "lead@demo.example" not in page
    assert sign_in(client, "agent@demo.example", DEMO_PASSWORD).status_code == 302


def test_every_session_row_is_server_side(agent: User, client: Client) -> None:
    sign_in(client, agent.email)
    assert Session.objects.filter(session_key=client.session.session_key).exists()


def test_times_are_shown_in_the_persons_zone(login: Any, db: None) -> None:
    user = make_user(Role.ADMIN, "Nora Zone", timezone="Asia/Tokyo")
    with time_machine.travel("2027-03-01 20:30:00+00:00", tick=False):
        User.objects.filter(pk=user.pk).update(date_joined=timezone.now())
        page = login(user).get(f"/settings/people/{user.pk}/").content.decode()
    assert "March 2, 2027, 5:30 a.m." in page
