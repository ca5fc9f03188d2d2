"""Slack through its doors: events, people, files, edits, answers from here and from there.

The events are written after https://docs.slack.dev/reference/events/message and https://docs.slack.dev/apis/events-api, the
answers of the Web API after https://docs.slack.dev/reference/methods: documented, not recorded.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from core.models import Event, Outbound
from core.outbox import send_due
from customers.models import Contact, ContactIdentity
from people.models import User
from people.viewer import system_viewer
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.slack import calls
from tickets.channels.slack.adapter import SlackChannel, signature_of
from tickets.channels.slack.words import plain_text
from tickets.connections import hook_url
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import ChannelPayload, Inbox, Message, Ticket
from tickets.reply_routes import reply_routes
from tickets.services.receive_message import receive_message
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox, try_inbox
from tickets.services.take_payload import take_payloads

pytestmark = pytest.mark.django_db

SETTINGS = {
    "bot_token": "xoxb-secret", "signing_secret": "sign", "channels": "C024BE91L", "trusts_strangers": False,
}  # fmt: skip
ROOM = "C024BE91L"


def person(user: str, email: str, **more: Any) -> Reply:
    """What users.info tells."""
    told = {
        "id": user, "team_id": "T1", "is_bot": False, "profile": {"real_name": user.title(), "email": email},
    }  # fmt: skip
    return Reply({"ok": True, "user": told | more})


@pytest.fixture
def slack(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """Slack on this machine; ``users.info`` answers the customer."""
    with running_provider(settings) as provider:
        monkeypatch.setattr(calls.SlackApi, "url", provider.url)
        provider.on("/users.info", person("UMETTE", "mette@halden.example"))
        provider.on("/chat.postMessage", Reply({"ok": True, "channel": ROOM, "ts": "1900000000.000100"}))
        yield provider
    calls._known.clear()


@pytest.fixture
def room(admin: User) -> Inbox:
    """An inbox in Slack."""
    return save_inbox(
        name="Shared", channel="slack", default_team=None, settings=SETTINGS, by=admin.as_viewer()
    )


def send_call(room: Inbox, told: dict[str, Any], secret: str = "sign", age: int = 0) -> Any:
    """Slack calls."""
    body = json.dumps(told).encode()
    sent_at = str(int(timezone.now().timestamp()) - age)
    return Client().post(
        "/" + hook_url(room).partition("://")[2].partition("/")[2],
        body,
        content_type="application/json",
        headers={
            "X-Slack-Request-Timestamp": sent_at,
            "X-Slack-Signature": signature_of(secret, sent_at, body),
        },
    )


_ids = iter(range(1, 10_000))
_NOW = int(timezone.now().timestamp())


def event(room: Inbox, **fields: Any) -> None:
    """Something happens in the channel."""
    told = {
        "type": "event_callback", "team_id": "T1", "event_id": f"Ev{next(_ids)}",
        "authorizations": [{"team_id": "T1", "is_bot": True}],
        "event": {"type": "message", "channel": ROOM, "team": "T1"} | fields,
    }  # fmt: skip
    assert send_call(room, told).status_code == 200
    take_payloads()


def ts(number: int) -> str:
    """The time of a message, some minutes before the tests."""
    return f"{_NOW - 1000 + number}.000{number:03}"


def test_a_message_is_a_ticket_of_the_person_and_the_thread_goes_on_in_it(
    room: Inbox, slack: FakeProvider, contact: Contact
) -> None:
    event(
        room,
        user="UMETTE",
        ts=ts(1),
        text="The <https://x.example|door> &amp; the gate are stuck, <@U9|olav>",
    )
    event(room, user="UMETTE", ts=ts(2), thread_ts=ts(1), text="Hello?")
    event(room, user="UMETTE", ts=ts(3), text="Another matter")
    first, second = Ticket.objects.order_by("pk")
    assert (first.contact, first.channel, first.messages.count()) == (contact, "slack", 2)
    assert first.subject == "The door (https://x.example) & the gate are stuck, @olav"
    assert second.subject == "Another matter"
    assert len([one for one in slack.asked if one.path == "/users.info"]) == 1


def test_the_handshake_is_answered(room: Inbox) -> None:
    answer = send_call(room, {"type": "url_verification", "challenge": "3eZbrw1a"})
    assert (answer.status_code, answer.content) == (200, b"3eZbrw1a")
    assert ChannelPayload.objects.count() == 0


@pytest.mark.parametrize(("secret", "age"), [("guess", 0), ("sign", 400), ("sign", -400)])
def test_a_forged_or_old_call_is_refused(room: Inbox, secret: str, age: int) -> None:
    assert send_call(room, {"type": "event_callback"}, secret, age).status_code == 403
    assert ChannelPayload.objects.count() == 0


def test_a_repetition_is_one_payload(room: Inbox, slack: FakeProvider) -> None:
    written = {"type": "message", "channel": ROOM, "user": "U1", "ts": ts(1), "text": "x"}
    told = {"type": "event_callback", "event_id": "Ev1", "event": written}
    for _again in range(3):
        send_call(room, told)
    take_payloads()
    assert (ChannelPayload.objects.count(), Message.objects.count()) == (1, 1)


def test_an_answer_is_posted_into_the_thread_in_the_name_of_the_agent(
    room: Inbox, slack: FakeProvider, agent: User
) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Help")
    written = reply_to_ticket(ticket=Ticket.objects.get(), body="Try <b> & see", by=agent.as_viewer())
    send_due()
    written.refresh_from_db()
    [posted] = [one for one in slack.asked if one.path == "/chat.postMessage"]
    assert posted.headers["authorization"] == "Bearer xoxb-secret"
    assert posted.json == {
        "channel": ROOM, "thread_ts": ts(1), "text": "Try &lt;b&gt; &amp; see",
        "unfurl_links": False, "username": "Priya Raman",
    }  # fmt: skip
    assert written.delivery == "sent"
    # Slack tells us of our own message: it is nobody's.
    event(room, bot_id="B1", user="UBOT", ts="1900000000.000100", thread_ts=ts(1), text="Try <b> & see")
    event(room, subtype="bot_message", bot_id="B2", ts=ts(9), text="Build 7 passed")
    assert Message.objects.count() == 2


def test_a_thread_in_a_channel_gets_answers_of_its_own_ticket_alone(room: Inbox, slack: FakeProvider) -> None:
    event(room, user="UMETTE", ts=ts(1), text="In front of everybody")
    public = Ticket.objects.get()
    private = receive_message(
        incoming=IncomingMessage(channel="note", sender=public.contact.email, text="Between us"),
        by=system_viewer("note"),
    ).ticket
    assert private.contact == public.contact
    assert room.pk in [one.name for one in reply_routes(public)]
    assert room.pk not in [one.name for one in reply_routes(private)]


def test_a_colleague_answers_from_slack(room: Inbox, slack: FakeProvider, agent: User) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Help")
    slack.on("/users.info", person("UPRIYA", agent.email.upper()))
    event(room, user="UPRIYA", ts=ts(2), thread_ts=ts(1), text="I look into it.")
    ticket = Ticket.objects.get()
    answer = ticket.messages.get(kind="outbound")
    assert (answer.author, answer.delivery, answer.body_text) == (agent, "sent", "I look into it.")
    assert (ticket.assignee, ticket.status_id, ticket.waiting_since) == (agent, "open", None)
    assert ticket.first_responded_at == answer.created_at
    assert Event.objects.filter(verb="tickets.replied", actor_id=agent.pk).count() == 1
    assert Outbound.objects.count() == 0
    event(room, subtype="message_changed", event_ts=ts(4), message={
        "ts": ts(2), "user": "UPRIYA", "text": "I looked into it.", "edited": {"user": "UPRIYA", "ts": ts(4)},
    })  # fmt: skip
    answer.refresh_from_db()
    assert answer.body_text == "I looked into it."


def test_what_a_colleague_begins_is_left_alone(room: Inbox, slack: FakeProvider, agent: User) -> None:
    slack.on("/users.info", person("UPRIYA", agent.email))
    event(room, user="UPRIYA", ts="1700000000.000001", text="Maintenance tonight")
    assert (Ticket.objects.count(), ChannelPayload.objects.get().state) == (0, "processed")


def test_an_answer_that_comes_before_its_question_waits(
    room: Inbox, slack: FakeProvider, agent: User
) -> None:
    slack.on("/users.info", person("UPRIYA", agent.email))
    soon = f"{int(timezone.now().timestamp())}.000001"
    old = f"{int(timezone.now().timestamp()) - 3_600}.000001"
    for written in (soon, old):  # when it was written does not matter: Slack may tell late
        event(room, user="UPRIYA", ts=written, thread_ts=ts(1), text="On it")
    assert {one.state for one in ChannelPayload.objects.all()} == {"received"}
    slack.on("/users.info", person("UMETTE", "mette@halden.example"))
    event(room, user="UMETTE", ts=ts(1), text="Help")
    calls._known.clear()
    slack.on("/users.info", person("UPRIYA", agent.email))
    ChannelPayload.objects.filter(state="received").update(next_try_at=timezone.now())
    take_payloads()
    assert Ticket.objects.get().messages.filter(kind="outbound").count() == 2


def test_an_answer_waits_for_what_was_told_before_it(room: Inbox, slack: FakeProvider, agent: User) -> None:
    slack.on("/users.info", person("UPRIYA", agent.email))
    long_ago = timezone.now() - timedelta(hours=1)
    backlog = ChannelPayload.objects.create(
        inbox=room,
        delivery_id="backlog",
        body=b"{}",
        received_at=long_ago - timedelta(seconds=1),
        next_try_at=timezone.now() + timedelta(hours=1),
    )
    event(room, user="UPRIYA", ts=ts(2), thread_ts=ts(1), text="On it")
    answer = ChannelPayload.objects.exclude(pk=backlog.pk)
    answer.update(received_at=long_ago, next_try_at=timezone.now())
    take_payloads()
    assert answer.get().state == "received"
    backlog.delete()
    answer.update(next_try_at=timezone.now())
    take_payloads()
    assert answer.get().state == "processed"


@pytest.mark.parametrize("more", [{"team_id": "T9"}, {"is_stranger": True}, {"is_restricted": True}])
def test_nobody_else_can_pass_for_a_colleague(
    room: Inbox, slack: FakeProvider, agent: User, more: dict[str, Any]
) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Help")
    slack.on("/users.info", person("UEVIL", agent.email, **more))
    event(room, user="UEVIL", ts=ts(2), thread_ts=ts(1), text="Send the money")
    assert not Message.objects.filter(kind="outbound").exists()
    assert Ticket.objects.get().messages.count() == 2


def test_an_address_of_another_workspace_is_not_believed(
    room: Inbox, slack: FakeProvider, contact: Contact
) -> None:
    slack.on("/users.info", person("UEVIL", "mette@halden.example", team_id="T9"))
    event(room, user="UEVIL", ts=ts(1), text="It is me", team="T9")
    known = ContactIdentity.objects.get(contact=Ticket.objects.get().contact)
    assert (known.kind, known.value) == ("handle", "slack:T9:UEVIL")


def test_edits_deletions_and_previews(room: Inbox, slack: FakeProvider) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Halp")
    edited = {"ts": ts(1), "user": "UMETTE", "text": "Help", "edited": {"user": "UMETTE", "ts": ts(2)}}
    event(room, subtype="message_changed", event_ts=ts(2), message=edited)
    event(room, subtype="message_changed", event_ts=ts(3), message={"ts": ts(1), "text": "preview of a link"})
    message = Message.objects.get()
    assert message.body_text == "Help"
    event(room, subtype="message_deleted", event_ts=ts(4), deleted_ts=ts(1))
    assert Event.objects.filter(verb="tickets.message_taken_back", subject_id=message.pk).count() == 1
    event(room, subtype="channel_join", user="UMETTE", ts=ts(5), text="has joined")
    event(room, user="UMETTE", ts=ts(6), text="elsewhere", channel="C0000000X")
    assert Message.objects.count() == 1


def test_files_are_fetched_with_the_token(room: Inbox, slack: FakeProvider) -> None:
    slack.on("/files/F1", Reply(b"%PDF", headers={"content-type": "application/pdf"}))
    slack.on("/files.info", Reply({"ok": True, "file": {"url_private": f"{slack.url}/files/F1"}}))
    slack.on("/files/F2", Reply(b"<html>Log in", headers={"content-type": "text/html"}))
    listed = [
        {"id": "F1", "name": "a.pdf", "mimetype": "application/pdf", "url_private": f"{slack.url}/files/F1"},
        {"id": "F3", "name": "c.pdf", "mimetype": "application/pdf", "file_access": "check_file_info"},
        {"id": "F2", "name": "b.png", "mimetype": "image/png", "url_private": f"{slack.url}/files/F2"},
        {"id": "F4", "name": "d", "mode": "external", "external_url": "https://drive.example/d"},
        {"id": "F5", "name": "e.png", "mimetype": "image/png", "url_private": "https://evil.example/e"},
    ]
    event(room, subtype="file_share", user="UMETTE", ts=ts(1), text="See", files=listed)
    message = Message.objects.get()
    assert sorted(message.attachments.values_list("name", flat=True)) == ["a.pdf", "c.pdf"]
    assert "files:read" in message.body_text
    assert "https://drive.example/d" in message.body_text
    assert "kept outside Slack" in message.body_text
    [fetched, _again] = [one for one in slack.asked if one.path == "/files/F1"]
    assert fetched.headers["authorization"] == "Bearer xoxb-secret"


def test_files_of_an_answer_are_shown_with_its_text_at_once(
    room: Inbox, slack: FakeProvider, agent: User
) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Help")
    slack.on(
        "/files.getUploadURLExternal", Reply({"ok": True, "upload_url": f"{slack.url}/up/1", "file_id": "F9"})
    )
    slack.on("/up/1", Reply(b"OK"))
    slack.on("/files.completeUploadExternal", Reply({"ok": True, "files": [{"id": "F9"}]}))
    files = [IncomingFile("plan.txt", b"step 1", "text/plain")]
    written = reply_to_ticket(ticket=Ticket.objects.get(), body="The plan", by=agent.as_viewer(), files=files)
    send_due()
    written.refresh_from_db()
    assert written.delivery == "sent"
    by_path = {one.path: one for one in slack.asked}
    assert by_path["/files.getUploadURLExternal"].query == "filename=plan.txt&length=6"
    assert by_path["/up/1"].body == b"step 1"
    done = by_path["/files.completeUploadExternal"].json
    assert (done["channel_id"], done["initial_comment"]) == (ROOM, "Priya Raman: The plan")
    assert done["files"] == [{"id": "F9", "title": "plan.txt"}]


@pytest.mark.parametrize(
    ("reply", "delivery", "words"),
    [
        (Reply({"ok": False, "error": "channel_not_found"}), "failed", "channel_not_found"),
        (Reply({"ok": False, "error": "token_revoked"}), "queued", "token_revoked"),
        (Reply({"ok": False, "error": "ratelimited"}, 429, {"retry-after": "30"}), "queued", "ratelimited"),
        (Reply({"ok": False, "error": "missing_scope", "needed": "chat:write"}), "queued", "chat:write"),
        (Reply({"ok": False, "error": "service_unavailable"}, 503), "queued", "service_unavailable"),
        # What may have been posted is not posted again behind anybody's back.
        (Reply({"ok": False, "error": "internal_error"}), "uncertain", "internal_error"),
        (Reply({"ok": False, "error": "fatal_error"}, 500), "uncertain", "fatal_error"),
        (Reply(b"<html>"), "uncertain", "chat.postMessage"),
        (Reply({"message": "Internal"}, 500), "uncertain", "chat.postMessage"),
    ],
)
def test_what_slack_refuses_is_told(
    room: Inbox, slack: FakeProvider, agent: User, reply: Reply, delivery: str, words: str
) -> None:
    event(room, user="UMETTE", ts=ts(1), text="Help")
    slack.on("/chat.postMessage", reply)
    written = reply_to_ticket(ticket=Ticket.objects.get(), body="x", by=agent.as_viewer())
    send_due()
    written.refresh_from_db()
    row = Outbound.objects.get()
    assert (written.delivery, words in row.last_error) == (delivery, True)
    if reply.headers:
        assert 25 < (row.not_before - timezone.now()).total_seconds() <= 31


def test_a_token_without_the_right_to_ask_for_people_still_takes_messages(
    room: Inbox, slack: FakeProvider
) -> None:
    slack.on("/users.info", Reply({"ok": False, "error": "missing_scope", "needed": "users:read"}))
    event(room, user="UMETTE", ts=ts(1), text="Help")
    assert ContactIdentity.objects.get(contact=Ticket.objects.get().contact).value == "slack:T1:UMETTE"


def test_the_connection_is_tried(slack: FakeProvider, admin: User) -> None:
    slack.on("/auth.test", Reply({"ok": True, "team": "Halden", "user": "desk"}))
    slack.on("/conversations.info", Reply({"ok": True, "channel": {"is_member": True}}))
    found = try_inbox(channel="slack", settings=SETTINGS, by=admin.as_viewer())
    assert (found.works, found.words) == (True, "Workspace “Halden”, as desk")
    slack.on("/conversations.info", Reply({"ok": True, "channel": {"is_member": False}}))
    assert ROOM in try_inbox(channel="slack", settings=SETTINGS, by=admin.as_viewer()).words
    slack.on("/auth.test", Reply({"ok": False, "error": "invalid_auth"}))
    assert not try_inbox(channel="slack", settings=SETTINGS, by=admin.as_viewer()).works


def test_the_channels_are_checked(admin: User, login: Any) -> None:
    answer = login(admin).post(
        "/settings/inboxes/new/slack/", SETTINGS | {"name": "S", "channels": "#general"}
    )
    assert (answer.status_code, "beginning with C or G" in answer.content.decode()) == (422, True)


@limits(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="<>|@#!&; ab\n"))
def test_no_text_breaks_the_words(text: str) -> None:
    assert isinstance(plain_text(text), str)


_NAMES = st.sampled_from(
    [
        "channel",
        "ts",
        "user",
        "text",
        "files",
        "message",
        "edited",
        "subtype",
        "deleted_ts",
        "thread_ts",
        "authorizations",
    ]
)
_WORDS = st.text(max_size=5) | st.sampled_from([ROOM, "message_changed", "message_deleted"])
_VALUES = st.recursive(
    st.none() | st.integers() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=12,
)


@limits(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_NAMES, _VALUES))
def test_no_event_breaks_the_reading(fields: dict[str, Any]) -> None:
    told = {
        "event": {"type": "message", "channel": ROOM, "user": "U1"} | fields,
        "authorizations": fields.get("authorizations"),
    }
    with contextlib.suppress(Unreadable):
        SlackChannel().read(
            Connection(1, "x", {"channels": ROOM}), HookRequest(body=json.dumps(told).encode())
        )
