"""WhatsApp through its doors. Payloads are written from https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks:
documented, not recorded."""

import hmac
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Outbound
from core.outbox import send_due
from customers.models import ContactIdentity
from people.models import User
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.whatsapp.adapter import WhatsAppChannel
from tickets.connections import hook_url
from tickets.incoming import IncomingFile
from tickets.models import ChannelHealth, ChannelPayload, ChannelTemplate, Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

pytestmark = pytest.mark.django_db

NUMBER, ACCOUNT = "106540352242922", "102290129340398"
SETTINGS = {
    "phone_number_id": NUMBER, "business_account_id": ACCOUNT,
    "access_token": "EAAGm0", "app_secret": "hush", "verify_token": "open sesame",
}  # fmt: skip
GRAPH = "/v23.0"
SEND = f"{GRAPH}/{NUMBER}/messages"
ROSA = "4915112345678"


@pytest.fixture
def provider(settings: Any) -> Iterator[FakeProvider]:
    """The Graph API on this machine."""
    with running_provider(settings, "meta") as found:
        found.on(SEND, Reply({"messaging_product": "whatsapp", "messages": [{"id": "wamid.out1"}]}))
        yield found


@pytest.fixture
def line(admin: User) -> Inbox:
    """An inbox of a number."""
    return save_inbox(
        name="Line", channel="whatsapp", default_team=None, settings=SETTINGS, by=admin.as_viewer()
    )


def path_of(inbox: Inbox) -> str:
    """Where Meta calls."""
    return "/" + hook_url(inbox).partition("://")[2].partition("/")[2]


def call(inbox: Inbox, batch: dict[str, Any], secret: str = "hush") -> int:
    """Meta calls; returns the status."""
    body = json.dumps(batch).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature}
    return Client().post(path_of(inbox), body, content_type="application/json", headers=headers).status_code


def batch(*values: dict[str, Any], number: str = NUMBER) -> dict[str, Any]:
    """A batch with one change per value."""
    meta = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "49301", "phone_number_id": number},
    }
    changes = [{"field": "messages", "value": meta | value} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT, "changes": changes}]}


def message(
    mid: str = "wamid.1", kind: str = "text", at: datetime | None = None, **told: Any
) -> dict[str, Any]:
    """A message of Rosa."""
    moment = str(int((at or timezone.now()).timestamp()))
    content = {kind: told} if told else {kind: {"body": "Help"}}
    return {
        "contacts": [{"profile": {"name": "Rosa"}, "wa_id": ROSA}],
        "messages": [{"from": ROSA, "id": mid, "timestamp": moment, "type": kind, **content}],
    }


def status(state: str, mid: str = "wamid.out1", **more: Any) -> dict[str, Any]:
    """What became of an answer."""
    moment = str(int(timezone.now().timestamp()))
    return {"statuses": [{"id": mid, "status": state, "timestamp": moment, "recipient_id": ROSA, **more}]}


def written_to(inbox: Inbox, **more: Any) -> Ticket:
    """The ticket of a first message."""
    call(inbox, batch(message(**more)))
    take_payloads()
    return Ticket.objects.get()


def answer(ticket: Ticket, by: User, body: str = "We look into it.", **more: Any) -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=ticket, body=body, by=by.as_viewer(), **more)
    send_due()
    written.refresh_from_db()
    return written


def test_the_handshake_needs_the_verify_token(line: Inbox) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "open sesame"}
    found = Client().get(path_of(line), asked)
    assert (found.status_code, found.content) == (200, b"1158201444")
    assert Client().get(path_of(line), asked | {"hub.verify_token": "guess"}).status_code == 403
    assert Client().get(path_of(line), asked | {"hub.mode": "other"}).status_code == 403
    assert Client().get(path_of(line)).status_code == 403


def test_only_what_is_signed_is_kept(line: Inbox) -> None:
    assert call(line, batch(message()), "guessed") == 403
    assert Client().post(path_of(line), "{}", content_type="application/json").status_code == 403
    assert ChannelPayload.objects.count() == 0


def test_from_a_batch_to_an_answer_that_was_read(line: Inbox, provider: FakeProvider, agent: User) -> None:
    assert call(line, batch(message(body="The door is stuck."), message("wamid.2", body="Hello?"))) == 200
    assert call(line, batch(message("wamid.3", body="not ours"), number="999")) == 200
    take_payloads()
    ticket = Ticket.objects.get()
    assert (ticket.subject, str(ticket.contact)) == ("The door is stuck.", "Rosa")
    assert ticket.messages.count() == 2
    identity = ContactIdentity.objects.get(contact=ticket.contact)
    assert (identity.kind, identity.value) == ("phone", "+4915112345678")
    written = answer(ticket, agent)
    sent = provider.asked[-1]
    assert sent.headers["authorization"] == "Bearer EAAGm0"
    assert sent.json == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": ROSA, "type": "text",
        "text": {"body": "We look into it.", "preview_url": False},
        "biz_opaque_callback_data": f"message:{written.pk}",
    }  # fmt: skip
    call(line, batch(status("read"), status("delivered")))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "read"
    ignored = ChannelPayload.objects.get(state="ignored")
    assert ignored.result == "about another number"


def test_what_meta_could_not_deliver_says_why(line: Inbox, provider: FakeProvider, agent: User) -> None:
    written = answer(written_to(line), agent)
    wrong = {
        "code": 131026,
        "title": "Message undeliverable",
        "error_data": {"details": "The number is no longer used."},
    }
    call(line, batch(status("failed", errors=[wrong])))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "failed"
    assert written.delivery_detail == "Message undeliverable: The number is no longer used. (131026)"


def test_a_file_is_fetched_by_its_id_with_the_token(line: Inbox, provider: FakeProvider) -> None:
    content = b"\xff\xd8" + b"j" * 100_000
    told = {
        "url": f"{provider.url}/media/1",
        "mime_type": "image/jpeg",
        "sha256": sha256(content).hexdigest(),
    }
    provider.on(f"{GRAPH}/877", Reply(told))
    provider.on("/media/1", Reply(content, headers={"content-type": "image/jpeg"}))
    ticket = written_to(line, kind="image", id="877", mime_type="image/jpeg", caption="Look")
    message = ticket.messages.get()
    assert (message.body_text, message.attachments.get().size) == ("Look", len(content))
    assert {one.headers["authorization"] for one in provider.asked} == {"Bearer EAAGm0"}


def test_a_file_of_ours_is_handed_over_first(line: Inbox, provider: FakeProvider, agent: User) -> None:
    ticket = written_to(line)
    provider.on(f"{GRAPH}/{NUMBER}/media", Reply({"id": "5544"}))
    answer(ticket, agent, "The plan", files=[IncomingFile("plan.pdf", b"pdf", "application/pdf")])
    handed, sent = provider.asked[-2:]
    assert handed.parts == {
        "messaging_product": "whatsapp", "type": "application/pdf", "file": ("plan.pdf", "application/pdf", b"pdf"),
    }  # fmt: skip
    assert sent.json["document"] == {"id": "5544", "filename": "plan.pdf", "caption": "The plan"}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"kind": "location", "latitude": 1.5, "longitude": 2, "name": "Home"}, "[Place: Home 1.5, 2]"),
        ({"kind": "button", "text": "Yes please", "payload": "y"}, "Yes please"),
        (
            {"kind": "interactive", "type": "list_reply", "list_reply": {"id": "1", "title": "Monday"}},
            "Monday",
        ),
        ({"kind": "unsupported", "x": 1}, "[A message of a kind that WhatsApp does not pass on]"),
    ],
)
def test_what_is_no_plain_text_is_told_in_words(line: Inbox, told: dict[str, Any], text: str) -> None:
    assert written_to(line, **told).messages.get().body_text == text


def test_a_reaction_is_left_in_words(line: Inbox) -> None:
    call(line, batch(message(kind="reaction", message_id="wamid.0", emoji="👍")))
    take_payloads()
    payload = ChannelPayload.objects.get()
    assert (payload.state, payload.result) == ("ignored", "a reaction: 👍")


@pytest.mark.parametrize(
    ("error", "delivery", "state"),
    [
        ({"code": 190, "message": "Error validating access token"}, "queued", "refused"),
        ({"code": 131026, "message": "Undeliverable"}, "failed", ""),
        ({"code": 131047, "message": "Re-engagement message"}, "failed", ""),
        ({"code": 131016, "message": "Service unavailable"}, "queued", "unreachable"),
        # What may have left does not leave again behind anybody's back.
        ({"code": 1, "message": "An unknown error occurred", "is_transient": True}, "uncertain", ""),
        ({"code": 2, "message": "Service temporarily unavailable"}, "uncertain", ""),
        ({"code": 131000, "message": "Something went wrong"}, "uncertain", ""),
        ({"code": 130429, "message": "Rate limit hit"}, "queued", ""),
    ],
)
def test_what_meta_refuses(
    line: Inbox, provider: FakeProvider, agent: User, error: dict[str, Any], delivery: str, state: str
) -> None:
    ticket = written_to(line)
    provider.on(SEND, Reply({"error": error}, 400))
    written = answer(ticket, agent)
    assert written.delivery == delivery
    health = ChannelHealth.objects.filter(inbox=line).exclude(state="new").first()
    assert (health.state if health else "") == state


def test_one_odd_state_keeps_nothing_else_of_its_batch_back(
    line: Inbox, provider: FakeProvider, agent: User
) -> None:
    written = answer(written_to(line), agent)
    odd, good = status("read", "wamid.other"), status("delivered", "wamid.out1")
    del odd["statuses"][0]["timestamp"]
    call(line, batch({"statuses": odd["statuses"] + good["statuses"]}))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "delivered"


def test_a_state_that_comes_before_the_dead_worker_is_noticed_counts(
    line: Inbox, provider: FakeProvider, agent: User
) -> None:
    written = reply_to_ticket(ticket=written_to(line), body="We look into it.", by=agent.as_viewer())
    # The worker had handed it over, and died before it could write that down.
    Outbound.objects.update(state="sending", leased_until=timezone.now())
    call(line, batch(status("delivered", "wamid.lost", biz_opaque_callback_data=f"message:{written.pk}")))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "queued"
    send_due()
    written.refresh_from_db()
    assert (written.delivery, Outbound.objects.get().state) == ("delivered", "sent")
    assert SEND not in [one.path for one in provider.asked]


def test_an_answer_whose_acceptance_was_lost_is_found_by_its_key(
    line: Inbox, provider: FakeProvider, agent: User
) -> None:
    ticket = written_to(line)
    provider.on(SEND, Reply(status=0))
    written = answer(ticket, agent)
    assert written.delivery == "uncertain"
    call(line, batch(status("delivered", "wamid.lost", biz_opaque_callback_data=f"message:{written.pk}")))
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "delivered"
    assert Outbound.objects.get(idempotency_key=f"message:{written.pk}").state == "sent"
    send_due()
    assert [one.path for one in provider.asked].count(SEND) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", {}, {"messages": []}, {"messages": None}])
def test_an_acceptance_that_cannot_be_read_is_left_to_a_person(
    line: Inbox, provider: FakeProvider, agent: User, body: Any
) -> None:
    ticket = written_to(line)
    provider.on(SEND, Reply(body))
    assert answer(ticket, agent).delivery == "uncertain"


def test_a_template_leaves_after_the_window(line: Inbox, provider: FakeProvider, agent: User) -> None:
    written_to(line, at=timezone.now() - timedelta(hours=25))
    ChannelTemplate.objects.create(
        inbox=line,
        name="news",
        language="de",
        body="Hallo {{1}}, zu #{{2}}: Neues!",
        fetched_at=timezone.now(),
    )
    template = {"name": "news", "language": "de", "values": ["Rosa", "4001"]}
    answer(Ticket.objects.get(), agent, template=template)
    assert provider.asked[-1].json["template"] == {
        "name": "news", "language": {"code": "de"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Rosa"}, {"type": "text", "text": "4001"}]}],
    }  # fmt: skip


def told(name: str, body: str, status: str = "APPROVED", **more: Any) -> dict[str, Any]:
    """A template as the Graph API tells it."""
    parts = [{"type": "BODY", "text": body}, *more.get("parts", ())]
    return {"name": name, "language": "en", "category": "UTILITY", "status": status, "components": parts}


def test_templates_are_fetched_chosen_and_sent(
    line: Inbox, provider: FakeProvider, admin: User, agent: User, login: Callable[[User], Client]
) -> None:
    ticket = written_to(line, at=timezone.now() - timedelta(hours=25))
    path = f"{GRAPH}/{ACCOUNT}/message_templates"
    picture = {"type": "HEADER", "format": "IMAGE"}
    first = {"data": [told("again", "Hello {{1}}, about #{{2}}: {{1}}?"), told("draft", "x", "PENDING")],
             "paging": {"cursors": {"after": "c2"}, "next": "https://graph.facebook.com/next"}}  # fmt: skip
    provider.on(
        path,
        Reply(first),
        Reply({"data": [told("picture", "y", parts=[picture]), told("named", "Hi {{name}}")]}),
    )
    card = login(admin).post(f"/settings/inboxes/{line.pk}/templates/").content.decode()
    assert card.count("Approved") == 1
    assert provider.asked[-1].query.endswith("after=c2")
    usable = ChannelTemplate.objects.get(is_usable=True)
    browser = login(agent)
    page = browser.get(f"/inbox/{ticket.pk}/").content.decode()
    assert "Time to answer freely is over" in page
    assert "picture" not in page
    fields = browser.get(
        f"/inbox/{ticket.pk}/template/", {"template": f"{line.pk}:{usable.pk}"}
    ).content.decode()
    assert fields.count('name="template_value"') == 2
    posted = {
        "kind": "reply",
        "via": str(line.pk),
        "template": f"{line.pk}:{usable.pk}",
        "template_value": ["Rosa", ""],
    }
    refused = browser.post(f"/inbox/{ticket.pk}/messages/", posted, headers={"HX-Request": "true"})
    assert (refused.status_code, "Fill in every place" in refused.content.decode()) == (422, True)
    assert 'value="Rosa"' in refused.content.decode()
    browser.post(f"/inbox/{ticket.pk}/messages/", posted | {"template_value": ["Rosa", "4001"]})
    message = Message.objects.get(kind="outbound")
    assert message.body_text == "Hello Rosa, about #4001: Rosa?"
    assert message.template == {"name": "again", "language": "en", "values": ["Rosa", "4001"]}
    provider.on(path, Reply({"data": []}))
    login(admin).post(f"/settings/inboxes/{line.pk}/templates/")
    usable.refresh_from_db()
    assert (usable.is_usable, usable.state) == (False, "gone")


def test_integrations_send_templates_too(
    line: Inbox, provider: FakeProvider, api: Callable[..., APIClient]
) -> None:
    ticket = written_to(line, at=timezone.now() - timedelta(hours=25))
    ChannelTemplate.objects.create(
        inbox=line, name="again", language="en", body="Hi {{1}}", fetched_at=timezone.now()
    )
    client, url = api("tickets:read", "tickets:write"), f"/api/v1/tickets/{ticket.pk}/answers/"
    template = {"name": "again", "language": "en", "values": ["Rosa"]}
    made = client.post(url, {"via": line.pk, "template": template}, format="json")
    assert (made.status_code, made.json()["body"]) == (201, "Hi Rosa")
    wrong = client.post(url, {"template": template | {"name": "x"}}, format="json")
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["template"])
    found = client.get(f"/api/v1/inboxes/{line.pk}/templates/")
    assert found.json()[0]["body"] == "Hi {{1}}"


def test_the_webhook_of_the_number_is_connected(
    line: Inbox, provider: FakeProvider, admin: User, login: Callable[[User], Client]
) -> None:
    provider.on(f"{GRAPH}/{ACCOUNT}/subscribed_apps", Reply({"success": True}))
    provider.on(f"{GRAPH}/{NUMBER}", Reply({"success": True}))
    page = login(admin).post(f"/settings/inboxes/{line.pk}/", {"connect": "1"}).content.decode()
    assert "Connected" in page
    assert provider.asked[-1].json["webhook_configuration"] == {
        "override_callback_uri": hook_url(line), "verify_token": "open sesame",
    }  # fmt: skip


def test_after_two_hours_without_meta_everything_has_left_once(
    line: Inbox, provider: FakeProvider, agent: User
) -> None:
    """Meta is down for two hours. Time is not waited for."""
    ticket = written_to(line)
    provider.on(SEND, Reply(b"<html>502</html>", 502))
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        bodies = [f"Answer {number}" for number in range(5)]
        for body in bodies:
            reply_to_ticket(ticket=ticket, body=body, by=agent.as_viewer())
        while timezone.now() < began + timedelta(hours=2):
            send_due()
            clock.shift(60)
        waiting = Message.objects.filter(kind="outbound")
        assert set(waiting.values_list("delivery", flat=True)) == {"queued"}
        assert len(provider.asked) < 60  # asked ever more rarely
        down = len(provider.asked)
        provider.on(SEND, *[Reply({"messages": [{"id": f"wamid.{n}"}]}) for n in range(5)])
        for _minute in range(8 * 60):
            send_due()
            clock.shift(60)
    assert sorted(one.json["text"]["body"] for one in provider.asked[down:]) == bodies
    assert set(waiting.values_list("delivery", flat=True)) == {"sent"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8) | st.booleans(),
        lambda kids: (
            st.lists(kids, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "field",
                        "value",
                        "metadata",
                        "phone_number_id",
                        "messages",
                        "statuses",
                        "contacts",
                        "type",
                        "from",
                        "id",
                        "timestamp",
                        "text",
                        "image",
                        "body",
                        "profile",
                        "errors",
                    ]
                ),
                kids,
            )
        ),
    )
)
def test_whatever_comes_is_read_or_called_unreadable(change: Any) -> None:
    told = {"object": "whatsapp_business_account", "entry": [{"changes": [change]}, change]}
    try:
        WhatsAppChannel().read(Connection(1, "Line", SETTINGS), HookRequest(body=json.dumps(told).encode()))
    except Unreadable:
        return
