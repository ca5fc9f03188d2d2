"""The first run: once, complete or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from core.models import Event, Setting
from cs_ops.services.set_up_installation import AlreadySetUp, set_up_installation
from people.models import Team, User
from people.roles import Role
from tickets.models import Inbox

DATA = {
    "name": "Aino Salo",
    "email": "Aino@Desk.Example",
    "password": "four-calm-river-stones",
    "timezone": "Europe/Helsinki",
    "team_name": "Support",
    "team_description": "Everything customers ask",
    "inbox_name": "Help",
    "inbox_address": "help@desk.example",
}


def test_an_empty_installation_leads_to_the_first_run(client: Client, db: None) -> None:
    assert client.get("/")["Location"] == "/setup/"
    assert client.get("/login/")["Location"] == "/"
    assert client.get("/setup/").status_code == 200


def test_the_owner_opens_the_desk_and_the_door_closes(client: Client, db: None) -> None:
    response = client.post("/setup/", DATA, follow=True)
    assert response.redirect_chain[-1][0] == "/settings/people/"
    owner = User.objects.get()
    assert (owner.email, owner.role, owner.timezone) == ("aino@desk.example", Role.ADMIN, "Europe/Helsinki")
    inbox = Inbox.objects.get()
    assert (inbox.name, inbox.address, inbox.default_team) == (
        "Help",
        "help@desk.example",
        Team.objects.get(),
    )
    assert [membership.user for membership in Team.objects.get().memberships.all()] == [owner]
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == [
        "people.installation_ready",
        "people.team_saved",
        "tickets.inbox_saved",
    ]
    assert client.get("/setup/").status_code == 404
    assert Client().post("/setup/", {**DATA, "email": "thief@evil.example"}).status_code == 404
    assert User.objects.count() == 1
    assert client.get("/").status_code == 302
    assert Client().get("/")["Location"] == "/login/"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("email", "none"),
        ("inbox_address", "none"),
        ("team_name", ""),
        ("timezone", "Mars/X"),
    ],
)
def test_a_refused_first_run_leaves_nothing_behind(client: Client, db: None, field: str, value: str) -> None:
    response = client.post("/setup/", {**DATA, field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not User.objects.exists()
    assert not Setting.objects.exists()
    assert client.get("/setup/").status_code == 200


def test_people_that_came_another_way_close_the_door_too(client: Client, agent: User) -> None:
    assert client.get("/setup/").status_code == 404


def test_of_two_first_runs_at_the_same_moment_one_wins(transactional_db: Any) -> None:
    def run(number: int) -> bool:
        try:
            set_up_installation(**{**DATA, "email": f"owner{number}@desk.example"})
        except AlreadySetUp:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [False, False, False, True]
    assert User.objects.count() == 1
    assert Inbox.objects.count() == 1
