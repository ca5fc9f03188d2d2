"""The pages and the REST of webhooks: who may, what is shown once, what a test says."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Event
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.save_webhook import secret_of
from people.models import Team, User
from people.roles import PERMISSIONS, Role
from tests.conftest import make_user
from tests.integrations.conftest import Receiver
from tickets.models import Ticket

Deliver = Callable[[], int]
LIST = "/api/v1/webhooks/"


@pytest.fixture
def rest(api: Any) -> Any:
    """A client that may set webhooks up and see tickets."""
    return api("webhooks:manage", "tickets:read")


@pytest.fixture
def browser(admin: User, login: Any) -> Client:
    """The administrator's browser."""
    client: Client = login(admin)
    return client


def body(**values: Any) -> dict[str, Any]:
    """What a new endpoint needs."""
    return {
        "name": "Warehouse",
        "url": "https://hooks.example.com/in?token=secret-word",
        "patterns": ["tickets.*"],
        "scopes": ["tickets:read"],
    } | values


def made(rest: Any, **values: Any) -> dict[str, Any]:
    answer = rest.post(LIST, body(**values))
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_rest_tells_the_secret_once(rest: Any) -> None:
    found = made(rest)
    assert found["secret"] == secret_of(WebhookEndpoint.objects.get(pk=found["id"]))
    assert found["is_active"] is True
    again = rest.get(f"{LIST}{found['id']}/")
    assert "secret" not in again.json()
    listed = rest.get(LIST).json()["results"]
    assert [one["name"] for one in listed] == ["Warehouse"]
    assert "secret" not in listed[0]
    replaced = rest.post(f"{LIST}{found['id']}/secret/")
    assert replaced.status_code == 201
    assert replaced.json()["secret"] not in ("", found["secret"])
    assert replaced.json()["previous_secret_valid_until"] is not None


def test_rest_changes_what_is_named_only(rest: Any, team: Team) -> None:
    pk = made(rest, teams=[team.pk], channels=["email"])["id"]
    answer = rest.patch(f"{LIST}{pk}/", {"name": "Lake", "is_active": False})
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert (found["name"], found["is_active"], found["teams"]) == ("Lake", False, [team.pk])
    assert found["channels"] == ["email"]
    assert rest.patch(f"{LIST}{pk}/", {"is_active": True}).json()["is_active"] is True
    verbs = Event.objects.filter(subject_kind="webhook").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == [
        "integrations.webhook_saved",
        "integrations.webhook_saved",
        "integrations.webhook_switched",
        "integrations.webhook_switched",
    ]
    assert rest.delete(f"{LIST}{pk}/").status_code == 204
    assert rest.get(f"{LIST}{pk}/").status_code == 404
    assert Event.objects.filter(verb="integrations.webhook_deleted").count() == 1


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"patterns": ["nothing.*"]}, "patterns"),
        ({"scopes": ["accounts:read"], "patterns": ["customers.*"]}, "scopes"),
        ({"scopes": ["people:read"]}, "scopes"),
        ({"url": "https://hooks.example.com:22/"}, "url"),
        ({"teams": [987654]}, "teams"),
        ({"tiers": ["gold"]}, "tiers"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_rest_names_what_it_refuses(values: dict[str, Any], name: str, rest: Any) -> None:
    answer = rest.post(LIST, body(**values))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [name]
    assert not WebhookEndpoint.objects.exists()


def test_two_with_one_name_are_refused(rest: Any) -> None:
    made(rest)
    assert list(rest.post(LIST, body()).json()["errors"]) == ["name"]


def test_rest_tests_and_shows_what_the_receiver_says(rest: Any, receiver: Receiver, deliver: Deliver) -> None:
    found = made(rest, url=receiver.url)
    receiver.statuses = [500]
    receiver.answer = b"no\nroom\x00 left"
    answer = rest.post(f"{LIST}{found['id']}/test/")
    assert answer.status_code == 202
    assert answer.json()["state"] == "pending"
    deliver()
    assert receiver.got[0].json["type"] == "webhooks.test"
    assert receiver.got[0].fits(found["secret"])
    told = rest.get(f"{LIST}{found['id']}/deliveries/{answer.json()['id']}/").json()
    # A test is tried once.
    assert (told["state"], told["status_code"], told["attempts"]) == ("failed", 500, 1)
    assert told["answer"] == "no room left"
    assert told["error"] == "the receiver answered 500"
    # and neither pauses nor blames the endpoint
    assert rest.get(f"{LIST}{found['id']}/").json()["consecutive_failures"] == 0


def test_rest_lists_filters_and_replays(
    rest: Any, receiver: Receiver, ticket: Ticket, deliver: Deliver, write: Any
) -> None:
    pk = made(rest, url=receiver.url)["id"]
    write("More", ticket=ticket)
    receiver.statuses = [410, 200]
    deliver()
    log = f"{LIST}{pk}/deliveries/"
    assert len(rest.get(log).json()["results"]) == WebhookDelivery.objects.count()
    failed = rest.get(log, {"state": "failed"}).json()["results"]
    assert [one["status_code"] for one in failed] == [410]
    assert len(rest.get(log, {"type": "tickets.message_received"}).json()["results"]) == 1
    for query in ({"state": "nonsense"}, {"type": "people.logged_in"}, {"type": "a\x00b"}):
        assert rest.get(log, query).status_code == 400
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    # switched off by the 410
    assert rest.post(f"{LIST}{pk}/replay/", {"since": since}).status_code == 400
    rest.patch(f"{LIST}{pk}/", {"is_active": True})
    one = rest.post(f"{log}{failed[0]['id']}/replay/")
    assert one.status_code == 202
    assert one.json()["state"] == "pending"
    assert rest.post(f"{log}{failed[0]['id']}/replay/").status_code == 409
    ancient = rest.post(f"{LIST}{pk}/replay/", {"since": "0001-01-01T00:00:00Z"})
    assert ancient.json()["left"] == 0
    assert ancient.json()["replayed"] > 0
    deliver()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert rest.post(f"{LIST}{pk}/replay/", {}).status_code == 400
    future = (timezone.now() + timedelta(hours=1)).isoformat()
    refused = rest.post(f"{LIST}{pk}/replay/", {"since": future})
    assert list(refused.json()["errors"]) == ["since"]


def test_rest_lists_the_events(rest: Any) -> None:
    rows = {one["type"]: one for one in rest.get(f"{LIST}events/").json()}
    assert rows["tickets.created"]["scopes"] == ["tickets:read"]
    assert rows["tickets.created"]["sentence"] == "opened the ticket"
    assert "people.logged_in" not in rows


def test_every_door_of_rest_asks_for_the_scope(
    rest: Any, api: Any, receiver: Receiver, deliver: Deliver
) -> None:
    pk = made(rest, url=receiver.url)["id"]
    delivery = rest.post(f"{LIST}{pk}/test/").json()["id"]
    doors = [
        ("get", LIST), ("post", LIST), ("get", f"{LIST}events/"), ("get", f"{LIST}{pk}/"), ("patch", f"{LIST}{pk}/"),
        ("delete", f"{LIST}{pk}/"), ("post", f"{LIST}{pk}/secret/"), ("post", f"{LIST}{pk}/test/"),
        ("post", f"{LIST}{pk}/replay/"), ("get", f"{LIST}{pk}/deliveries/"), ("get", f"{LIST}{pk}/deliveries/{delivery}/"),
        ("post", f"{LIST}{pk}/deliveries/{delivery}/replay/"),
    ]  # fmt: skip
    stranger = api("tickets:read", "tickets:write", "accounts:write", "people:write", "tickets:configure")
    assert {getattr(stranger, method)(path).status_code for method, path in doors} == {403}
    # A delivery is read through its own endpoint only.
    other = made(rest, name="Other")["id"]
    assert rest.get(f"{LIST}{other}/deliveries/{delivery}/").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role != Role.INTEGRATION])
def test_pages_and_menu_are_for_who_may(role: str, add: Any, login: Any) -> None:
    endpoint = add()
    client = login(make_user(role, "Some Body"))
    allowed = "integrations.manage" in PERMISSIONS[role]
    assert allowed == (role == Role.ADMIN)
    for path in ("", "new/", f"{endpoint.pk}/", f"{endpoint.pk}/log/"):
        assert client.get(f"/settings/webhooks/{path}").status_code == (200 if allowed else 403)
    for path in ("switch/", "secret/", "test/", "delete/", "replay/"):
        if not allowed:
            assert client.post(f"/settings/webhooks/{endpoint.pk}/{path}").status_code == 403


def test_a_person_sets_one_up_tests_it_and_reads_the_answer(
    browser: Client, receiver: Receiver, deliver: Deliver
) -> None:
    form = {
        "name": "Warehouse",
        "url": receiver.url,
        "scopes": ["tickets:read"],
        "patterns": "tickets.*\nsuccess.cta_opened",
    }
    refused = browser.post("/settings/webhooks/new/", form)
    assert refused.status_code == 422
    assert "needs another scope" in refused.content.decode()
    form["patterns"] = "tickets.*"
    shown = browser.post("/settings/webhooks/new/", form).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    secret = re.search(r"whsec_[A-Za-z0-9+/]+=*", shown)
    assert secret is not None
    assert secret.group() == secret_of(endpoint)
    page = browser.get(f"/settings/webhooks/{endpoint.pk}/").content.decode()
    assert secret.group() not in page
    answer = browser.post(f"/settings/webhooks/{endpoint.pk}/test/")
    assert answer.status_code == 302
    waiting = browser.get(answer["Location"]).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    deliver()
    told = browser.get(answer["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "Delivered" in told
    assert "thank you" in told
    assert "hx-trigger" not in told
    assert "Warehouse" in browser.get("/settings/webhooks/").content.decode()
    rotated = browser.post(f"/settings/webhooks/{endpoint.pk}/secret/").content.decode()
    assert "signed with both" in rotated
    assert secret.group() not in rotated


def test_the_log_filters_and_sends_again(
    browser: Client, endpoint: WebhookEndpoint, ticket: Ticket, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.statuses = [410, 200]
    deliver()
    page = f"/settings/webhooks/{endpoint.pk}/"
    assert "410" in browser.get(page).content.decode()
    log = browser.get(f"{page}log/?state=failed").content.decode()
    assert "the receiver answered 410" in log
    assert log.count("/log/") > 0
    row = WebhookDelivery.objects.get(state="failed")
    shown = browser.get(f"{page}log/{row.pk}/").content.decode()
    # what would be sent is shown, though the endpoint is off
    assert "&quot;tickets.created&quot;" in shown
    since = timezone.localtime(timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    refused = browser.post(f"{page}replay/", {"since": since})
    assert refused.status_code == 422
    assert "switched off" in refused.content.decode()
    assert browser.post(f"{page}replay/", {"since": "yesterday"}).status_code == 422
    browser.post(f"{page}switch/")
    again = browser.post(f"{page}replay/", {"since": since}, follow=True).content.decode()
    assert "sent again" in again
    deliver()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    one = browser.post(f"{page}log/{row.pk}/replay/", follow=True).content.decode()
    assert "It is being sent again." in one
    browser.post(f"{page}switch/")
    deliver()
    row.refresh_from_db()
    assert row.state == "withheld"
    browser.post(f"{page}delete/")
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_what_a_receiver_answers_is_text(
    browser: Client, endpoint: WebhookEndpoint, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answer = b"<script>alert(1)</script>"
    answer = browser.post(f"/settings/webhooks/{endpoint.pk}/test/")
    deliver()
    page = browser.get(answer["Location"]).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
