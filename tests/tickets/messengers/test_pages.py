"""Messenger and Instagram through their doors. Payloads are written from
https://developers.facebook.com/docs/messenger-platform/reference/webhook-events and
https://developers.facebook.com/docs/messenger-platform/instagram/features/webhook: documented, not recorded."""

import hmac
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Event
from core.outbox import send_due
from customers.models import ContactIdentity
from people.models import User
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.messenger.adapter import MessengerChannel
from tickets.connections import hook_url
from tickets.incoming import IncomingFile
from tickets.models import ChannelHealth, ChannelPayload, Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

pytestmark = pytest.mark.django_db

PAGE, PROFILE, ROSA = "1008", "17841", "24"
SECRETS = {"access_token": "EAAP", "app_secret": "hush", "verify_token": "open sesame"}
GRAPH = "/v23.0"
SEND = f"{GRAPH}/{PAGE}/messages"


@pytest.fixture
def provider(settings: Any) -> Iterator[FakeProvider]:
    """The Graph API on this machine."""
    with running_provider(settings, "meta") as found:
        found.on(f"{GRAPH}/{ROSA}", Reply({"name": "Rosa Vidal", "id": ROSA}))
        found.on(SEND, Reply({"recipient_id": ROSA, "message_id": "m_out1"}))
        yield found


@pytest.fixture
def page(admin: User) -> Inbox:
    """An inbox of a page on Facebook."""
    return save_inbox(
        name="Page",
        channel="messenger",
        default_team=None,
        settings=SECRETS | {"page_id": PAGE},
        by=admin.as_viewer(),
    )


@pytest.fixture
def profile(admin: User) -> Inbox:
    """An inbox of an account on Instagram."""
    ids = {"page_id": PAGE, "account_id": PROFILE}
    return save_inbox(
        name="Profile", channel="instagram", default_team=None, settings=SECRETS | ids, by=admin.as_viewer()
    )


def call(inbox: Inbox, *events: dict[str, Any], owner: str = "") -> int:
    """Meta calls with a batch; returns the status."""
    kind, own = ("page", PAGE) if inbox.channel == "messenger" else ("instagram", PROFILE)
    now = int(timezone.now().timestamp() * 1000)
    frame = {"sender": {"id": ROSA}, "recipient": {"id": own}, "timestamp": now}
    entry = {"id": owner or own, "time": now, "messaging": [frame | one for one in events]}
    body = json.dumps({"object": kind, "entry": [entry]}).encode()
    headers = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"hush", body, sha256).hexdigest()}
    path = "/" + hook_url(inbox).partition("://")[2].partition("/")[2]
    return Client().post(path, body, content_type="application/json", headers=headers).status_code


def message(mid: str = "m_1", **told: Any) -> dict[str, Any]:
    """A message of Rosa."""
    return {"message": {"mid": mid} | (told or {"text": "The door is stuck."})}


def answer(by: User, body: str = "We look into it.", **more: Any) -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=Ticket.objects.get(), body=body, by=by.as_viewer(), **more)
    send_due()
    written.refresh_from_db()
    return written


def test_from_a_message_to_an_answer_that_was_read(page: Inbox, provider: FakeProvider, agent: User) -> None:
    assert call(page, message()) == 200
    assert call(page, message("m_2", text="Hello?")) == 200
    take_payloads()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.channel, str(ticket.contact)) == (
        "The door is stuck.",
        "messenger",
        "Rosa Vidal",
    )
    assert ContactIdentity.objects.get(contact=ticket.contact).value == f"messenger:{PAGE}:{ROSA}"
    assert [one.path for one in provider.asked] == [f"{GRAPH}/{ROSA}"]  # asked once, while somebody is new
    written = answer(agent)
    assert provider.asked[-1].json == {
        "recipient": {"id": ROSA}, "messaging_type": "RESPONSE", "message": {"text": "We look into it."},
    }  # fmt: skip
    assert provider.asked[-1].headers["authorization"] == "Bearer EAAP"
    call(page, {"read": {"watermark": int(timezone.now().timestamp() * 1000)}})
    call(page, {"delivery": {"mids": ["m_out1"], "watermark": int(timezone.now().timestamp() * 1000)}})
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "read"


def test_instagram_tells_of_single_messages(profile: Inbox, provider: FakeProvider, agent: User) -> None:
    call(profile, message(text="Which size?", reply_to={"story": {"url": "https://x.example", "id": "1"}}))
    take_payloads()
    assert Message.objects.get().body_text == "[About your story]\nWhich size?"
    assert ContactIdentity.objects.get().value == f"instagram:{PROFILE}:{ROSA}"
    written = answer(agent)
    call(profile, {"read": {"mid": "m_out1"}})
    call(profile, message("m_1", is_deleted=True))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "read"
    assert Event.objects.filter(verb="tickets.message_taken_back").count() == 1
    with pytest.raises(Exception, match="takes no files"):
        answer(agent, "Look", files=[IncomingFile("a.png", b"x", "image/png")])


def test_an_edit_may_come_before_its_message(page: Inbox, provider: FakeProvider) -> None:
    call(page, {"message_edit": {"mid": "m_1", "text": "The blue door", "num_edit": 1}})
    call(page, message())
    take_payloads()
    assert Message.objects.get().body_text == "The blue door"


def test_files_come_from_their_public_address_without_the_token(page: Inbox, provider: FakeProvider) -> None:
    provider.on("/cdn/1", Reply(b"\xff\xd8jpeg", headers={"content-type": "image/jpeg"}))
    file = {"type": "image", "payload": {"url": f"{provider.url}/cdn/1"}}
    gone = {"type": "file", "payload": {"url": f"{provider.url}/cdn/2"}}
    link = {"type": "fallback", "title": "Our shop", "payload": {"url": "https://shop.example"}}
    call(page, message(attachments=[file, gone, link]))
    take_payloads()
    found = Message.objects.get()
    assert found.attachments.get().name == "photo.jpg"
    assert "Our shop https://shop.example" in found.body_text
    assert "“file” could not be fetched" in found.body_text
    assert all("authorization" not in one.headers for one in provider.asked if one.path.startswith("/cdn"))


def test_a_file_travels_as_a_form(page: Inbox, provider: FakeProvider, agent: User) -> None:
    call(page, message())
    take_payloads()
    answer(agent, "Here", files=[IncomingFile("plan.pdf", b"pdf", "application/pdf")])
    text, file = provider.asked[-2:]
    assert text.json["message"] == {"text": "Here"}
    parts = file.parts
    assert json.loads(parts["message"])["attachment"]["type"] == "file"
    assert (json.loads(parts["recipient"]), parts["filedata"]) == (
        {"id": ROSA},
        ("plan.pdf", "application/pdf", b"pdf"),
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (message(text="Ours", is_echo=True, app_id=1), "the echo of an answer"),
        ({"reaction": {"mid": "m_1", "action": "react", "emoji": "❤"}}, "a reaction: ❤"),
        ({"referral": {"source": "ADS"}}, "about referral"),
    ],
)
def test_what_leads_to_nothing_says_what_it_was(page: Inbox, event: dict[str, Any], words: str) -> None:
    call(page, event)
    take_payloads()
    payload = ChannelPayload.objects.get()
    assert (payload.state, payload.result) == ("ignored", words)


def test_one_odd_event_keeps_the_others_of_its_batch_not_back(page: Inbox, provider: FakeProvider) -> None:
    call(page, {"message": {"text": "without an id"}}, message())
    take_payloads()
    payload = ChannelPayload.objects.get()
    assert (payload.state, "makes no sense: 'mid'" in payload.error) == ("failed", True)
    assert Message.objects.get().body_text == "The door is stuck."


def test_another_page_of_the_same_app_is_left(page: Inbox) -> None:
    call(page, message(), owner="999")
    take_payloads()
    assert (Ticket.objects.count(), ChannelPayload.objects.get().result) == (0, "about another page")


def test_a_name_that_is_not_told_keeps_nothing_back(page: Inbox, provider: FakeProvider) -> None:
    provider.on(f"{GRAPH}/{ROSA}", Reply({"error": {"code": 100, "message": "Unsupported get request"}}, 400))
    call(page, message())
    take_payloads()
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "delivery", "state"),
    [
        ({"code": 10, "error_subcode": 2018278, "message": "Outside of allowed window"}, "failed", ""),
        ({"code": 10, "message": "Permission denied"}, "queued", "refused"),
        ({"code": 551, "message": "This person isn't available"}, "failed", ""),
        ({"code": 613, "message": "Calls exceeded the rate limit"}, "queued", ""),
    ],
)
def test_what_meta_refuses(
    page: Inbox, provider: FakeProvider, agent: User, error: dict[str, Any], delivery: str, state: str
) -> None:
    call(page, message())
    take_payloads()
    provider.on(SEND, Reply({"error": error}, 400))
    assert answer(agent).delivery == delivery
    health = ChannelHealth.objects.filter(inbox=page).exclude(state="new").first()
    assert (health.state if health else "") == state


def test_the_page_is_subscribed_by_a_button(
    page: Inbox, provider: FakeProvider, admin: User, login: Callable[[User], Client]
) -> None:
    browser = login(admin)
    provider.on(f"{GRAPH}/{PAGE}", Reply({"name": "Door shop"}))
    provider.on(f"{GRAPH}/{PAGE}/subscribed_apps", Reply({"success": True, "data": []}))
    url = f"/settings/inboxes/{page.pk}/"
    form = {"name": "Page", "is_active": "on", "page_id": PAGE, "try": "1"}
    assert "do not come here yet" in browser.post(url, form).content.decode()
    assert "The page is subscribed" in browser.post(url, {"connect": "1"}).content.decode()
    assert "message_edits" in provider.asked[-1].query
    provider.on(f"{GRAPH}/{PAGE}/subscribed_apps", Reply({"data": [{"subscribed_fields": ["messages"]}]}))
    assert "works and is connected" in browser.post(url, form).content.decode()
    assert "number without spaces" in browser.post(url, form | {"page_id": "shop"}).content.decode()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8) | st.booleans(),
        lambda kids: (
            st.lists(kids, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "sender",
                        "id",
                        "timestamp",
                        "message",
                        "mid",
                        "text",
                        "attachments",
                        "payload",
                        "type",
                        "read",
                        "delivery",
                        "watermark",
                        "postback",
                        "reaction",
                        "message_edit",
                    ]
                ),
                kids,
            )
        ),
    )
)
def test_whatever_comes_is_read_or_called_unreadable(event: Any) -> None:
    told = {"object": "page", "entry": [{"id": PAGE, "messaging": [event]}]}
    try:
        MessengerChannel().read(
            Connection(1, "Page", {"page_id": PAGE}), HookRequest(body=json.dumps(told).encode())
        )
    except Unreadable:
        return
