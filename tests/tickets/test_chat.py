"""Chats through their doors: what a widget asks from another page, the stream, what agents see, the mail for who has left."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from asgiref.testing import ApplicationCommunicator
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core.live.application import LiveFeed, in_thread
from core.models import Calendar, Event, Outbound
from core.outbox import send_due
from customers.models import Contact, ContactIdentity
from people.models import User
from people.viewer import system_viewer
from tickets.attachment_policy import AttachmentPolicy
from tickets.channels.chat import limits
from tickets.channels.chat.identity import identity_key, signature
from tickets.channels.chat.services.forget_chats import forget_unused_chats
from tickets.channels.chat.settings import origin_of
from tickets.channels.chat.stream import ChatStreams
from tickets.incoming import IncomingMessage
from tickets.models import (
    ChannelThread,
    ChatEntry,
    ChatSession,
    Inbox,
    Message,
    SatisfactionSurvey,
    StoredFile,
    Ticket,
)
from tickets.personal_data import ChatData
from tickets.reply_routes import reply_routes
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.receive_message import receive_message
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox

pytestmark = pytest.mark.django_db

SHOP = "https://shop.example"


@pytest.fixture
def chat(admin: User, inbox: Inbox) -> Inbox:
    """A chat inbox for one shop; its mails leave from the support address."""
    return make_chat(admin, mail_inbox=inbox)


def make_chat(by: User, **settings: Any) -> Inbox:
    """A chat inbox."""
    values = {
        "origins": [SHOP], "title": "Help", "greeting": "Hi", "colour": "#112233", "position": "right",
        "ask_name": "optional", "ask_email": "optional", "consent": "", "agent_names": "first",
        "takes_files": True, "asks_rating": True, "calendar": None, "closed_text": "", "mail_inbox": None,
        "mail_after_minutes": 3,
    }  # fmt: skip
    name = f"Site chat {Inbox.objects.count()}"
    return save_inbox(
        name=name, channel="chat", default_team=None, settings=values | settings, by=by.as_viewer()
    )


class Widget:
    """A widget on a page of ``origin``."""

    def __init__(self, inbox: Inbox, origin: str = SHOP) -> None:
        self.base, self.origin, self.token = f"/chat/{inbox.hook_key}", origin, ""
        self.answer: dict[str, Any] = {}

    def ask(self, path: str, values: Any = None, **more: Any) -> Any:
        """Ask one thing; returns the response."""
        headers = {"Origin": self.origin, "Authorization": f"Bearer {self.token}"}
        if values is None:
            return Client().get(f"{self.base}/{path}/", headers=headers)
        if "files" in more:
            form = {**values, "files": more["files"]}
            return Client().post(
                f"{self.base}/{path}/", form, headers=headers, REMOTE_ADDR=more.get("address", "192.0.2.7")
            )
        return Client().post(
            f"{self.base}/{path}/", json.dumps(values), content_type="application/json", headers=headers,
            REMOTE_ADDR=more.get("address", "192.0.2.7"),
        )  # fmt: skip

    def start(self, **values: Any) -> Any:
        """Begin a chat."""
        response = self.ask("start", values)
        if response.status_code == 201:
            self.answer = response.json()
            self.token = self.answer["token"]
        return response

    def write(self, text: str = "Where is my parcel?", key: str = "message-1", **more: Any) -> Any:
        """Write a message."""
        return self.ask("messages", {"id": key, "text": text}, **more)

    def entries(self) -> list[dict[str, Any]]:
        """What stands in the chat."""
        return list(self.ask("session").json()["entries"])

    def session(self) -> ChatSession:
        """The session behind it."""
        return ChatSession.objects.get(key=self.answer["key"])


@pytest.fixture
def widget(chat: Inbox) -> Widget:
    """A widget whose visitor has given name and address."""
    made = Widget(chat)
    made.start(name="Rosa", email="rosa@parcels.example", page_url="https://shop.example/cart?token=secret")
    return made


def answer(ticket: Ticket, by: User, body: str = "On its way.", **more: Any) -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=ticket, body=body, by=by.as_viewer(), **more)
    send_due()
    written.refresh_from_db()
    return written


def test_a_message_opens_a_ticket_and_the_answer_comes_back(widget: Widget, chat: Inbox, agent: User) -> None:
    assert widget.write().status_code == 201
    ticket = Ticket.objects.get()
    assert (ticket.channel, ticket.inbox, ticket.subject) == ("chat", chat, "Where is my parcel?")
    assert (ticket.contact.email, ticket.contact.is_verified) == ("rosa@parcels.example", False)
    written = answer(ticket, agent)
    assert (written.channel, written.delivery) == ("chat", "sent")
    kinds = [(one["n"], one["kind"], one["name"], one.get("text")) for one in widget.entries()]
    assert kinds == [
        (1, "visitor", "Rosa", "Where is my parcel?"),
        (2, "joined", "Priya", None),
        (3, "agent", "Priya", "On its way."),
    ]
    widget.write("Thanks", "message-2")
    assert Ticket.objects.count() == 1


def test_the_same_message_twice_is_one(widget: Widget) -> None:
    first = widget.write().json()["entry"]
    assert widget.write().json()["entry"] == first
    assert (Message.objects.count(), ChatEntry.objects.count()) == (1, 1)


def test_no_secret_of_the_page_is_kept(widget: Widget) -> None:
    session = widget.session()
    assert session.page_url == "https://shop.example/cart"
    assert widget.token not in json.dumps(list(ChatSession.objects.values()), default=str)
    assert "192.0.2.7" not in json.dumps(list(ChatSession.objects.values()), default=str)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (SHOP, 200),
        ("https://shop.example:8443", 403),
        ("http://shop.example", 403),
        ("https://shop.example.evil.test", 403),
        ("null", 403),
    ],
)
def test_only_pages_of_the_inbox_may_ask(chat: Inbox, origin: str, status: int) -> None:
    response = Widget(chat, origin).ask("config")
    assert response.status_code == status
    assert response.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_subdomains_may_be_named_by_a_star(admin: User) -> None:
    inbox = make_chat(admin, origins=["https://*.shop.example"])
    assert Widget(inbox, "https://de.shop.example").ask("config").status_code == 200
    for origin in ("https://shop.example", "https://evilshop.example", "https://.shop.example"):
        assert Widget(inbox, origin).ask("config").status_code == 403


def test_a_preflight_is_answered_without_a_token(chat: Inbox) -> None:
    response = Client().options(f"/chat/{chat.hook_key}/messages/", headers={"Origin": SHOP})
    assert response.status_code == 204
    assert "Authorization" in response["Access-Control-Allow-Headers"]
    assert response.cookies == {}


def test_a_chat_belongs_to_who_holds_its_token(widget: Widget, chat: Inbox, admin: User) -> None:
    widget.write()
    stranger = Widget(chat)
    for token in ("", "x" * 43, widget.token + "x"):
        stranger.token = token
        assert stranger.ask("session").status_code == 401
        assert stranger.write().status_code == 401
    other = save_inbox(
        name="Other", channel="chat", default_team=None, settings=chat.config, by=admin.as_viewer()
    )
    elsewhere = Widget(other)
    elsewhere.token = widget.token
    assert elsewhere.ask("session").status_code == 401


def test_another_visitor_with_the_same_address_sees_nothing_of_it(widget: Widget, chat: Inbox) -> None:
    widget.write("My secret")
    second = Widget(chat)
    second.start(name="Rosa", email="rosa@parcels.example")
    second.write("Hello", "message-9")
    assert [one["text"] for one in second.entries()] == ["Hello"]
    assert Ticket.objects.count() == 2


def test_what_is_asked_before(admin: User) -> None:
    inbox = make_chat(admin, ask_name="required", ask_email="required", consent="We keep what you write.")
    made = Widget(inbox)
    refused = made.start(email="rosa@parcels.example")
    assert (refused.status_code, refused.json()["field"]) == (422, "name")
    assert made.start(name="Rosa", email="nonsense", agreed=True).json()["field"] == "email"
    assert made.start(name="Rosa", email="r@parcels.example").json()["field"] == "agreed"
    assert made.start(name="Rosa", email="r@parcels.example", agreed=True).status_code == 201
    assert made.session().consent_text == "We keep what you write."


def test_a_page_vouches_for_its_visitor(chat: Inbox, contact: Contact) -> None:
    made, key = Widget(chat), identity_key(chat)
    signed = signature(key, "4711", "mette@halden.example")
    wrong = made.start(user_id="4712", email="mette@halden.example", signature=signed)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "user_id")
    assert made.start(user_id="4711", email="boss@halden.example", signature=signed).status_code == 422
    assert made.start(user_id="4711", email="mette@halden.example", signature=signed).status_code == 201
    made.write()
    ticket = Ticket.objects.get()
    assert ticket.contact == contact
    assert ContactIdentity.objects.get(kind="user").value == f"chat-{chat.pk}:4711"


def test_an_address_that_is_only_typed_leads_to_nobody(chat: Inbox, contact: Contact) -> None:
    made = Widget(chat)
    made.start(user_id="4711", signature=signature(identity_key(chat), "4711"))
    assert made.ask("email", {"email": "mette@halden.example"}).status_code == 200
    made.write()
    again = Widget(chat)
    again.start(user_id="4711", signature=signature(identity_key(chat), "4711"))
    again.write("Once more", "message-2")
    assert contact.pk not in Message.objects.values_list("contact_id", flat=True)
    assert not contact.identities.filter(kind="user").exists()


def test_user_ids_are_of_one_inbox_unless_it_says_that_they_are_the_products(
    chat: Inbox, admin: User, contact: Contact
) -> None:
    ContactIdentity.objects.create(contact=contact, kind="user", value="4711")
    product = make_chat(admin, product_user_ids=True)
    written = []
    for number, inbox in enumerate([chat, make_chat(admin), product]):
        made = Widget(inbox)
        made.start(user_id="4711", signature=signature(identity_key(inbox), "4711"))
        made.write(key=f"message-{number}")
        written.append(Ticket.objects.latest("pk").contact)
    assert len(set(written)) == 3
    assert written[2] == contact


def test_a_new_key_ends_the_former_one(chat: Inbox, admin: User) -> None:
    before = identity_key(chat)
    save_inbox(
        name=chat.name, channel="chat", default_team=None, inbox=chat, by=admin.as_viewer(),
        settings=chat.config | {"renew_identity": True},
    )  # fmt: skip
    chat.refresh_from_db()
    assert identity_key(chat) != before
    assert Widget(chat).start(user_id="1", signature=signature(before, "1")).status_code == 422


def test_only_known_visitors_where_the_inbox_wants_it(admin: User) -> None:
    inbox = make_chat(admin, only_verified=True)
    assert Widget(inbox).start(name="Rosa").status_code == 422
    assert Widget(inbox).start(user_id="1", signature=signature(identity_key(inbox), "1")).status_code == 201


def test_a_visitor_without_an_address_may_leave_one_later(chat: Inbox, agent: User) -> None:
    made = Widget(chat)
    made.start(name="Rosa")
    made.write()
    ticket = Ticket.objects.get()
    assert ticket.contact.email == ""
    assert made.ask("email", {"email": "no"}).status_code == 422
    assert made.ask("email", {"email": "Rosa@Parcels.example"}).json() == {"email": "rosa@parcels.example"}
    # Anybody could have typed it: mails go there, but whoever has it is somebody else.
    assert not ContactIdentity.objects.filter(value="rosa@parcels.example").exists()
    made.ask("end", {})
    answer(ticket, agent)
    send_due()
    assert [one.to for one in mail.outbox] == [["Rosa <rosa@parcels.example>"]]


def test_somebody_elses_address_does_not_change_the_contact(chat: Inbox, contact: Contact) -> None:
    made = Widget(chat)
    made.start(name="Rosa")
    made.write()
    assert made.ask("email", {"email": "mette@halden.example"}).status_code == 200
    made.write("Still me", "message-2")
    assert Ticket.objects.get().contact != contact
    assert contact.pk not in Message.objects.values_list("contact_id", flat=True)


def test_an_address_that_is_corrected_does_not_make_the_visitor_somebody_else(
    widget: Widget, contact: Contact
) -> None:
    widget.write()
    widget.ask("email", {"email": "mette@halden.example"})
    widget.write("Still me", "message-2")
    assert set(Message.objects.values_list("contact_id", flat=True)) == {Ticket.objects.get().contact_id}


@pytest.mark.parametrize("is_signed", [True, False])
def test_answers_of_other_tickets_reach_only_chats_that_a_page_vouches_for(
    chat: Inbox, inbox: Inbox, contact: Contact, is_signed: bool
) -> None:
    before = receive_message(
        incoming=IncomingMessage(channel="email", sender="mette@halden.example", text="My contract?"),
        inbox=inbox,
        by=system_viewer("email"),
    ).ticket
    made, signed = Widget(chat), signature(identity_key(chat), "4711", "mette@halden.example")
    known = {"user_id": "4711", "signature": signed} if is_signed else {}
    assert made.start(email="mette@halden.example", **known).status_code == 201
    made.write()
    own = Ticket.objects.get(channel="chat")
    assert own.contact == before.contact == contact
    assert chat.pk in [one.name for one in reply_routes(own)]
    assert (chat.pk in [one.name for one in reply_routes(before)]) is is_signed


def test_an_answer_on_its_way_does_not_end_in_a_strangers_chat(
    chat: Inbox, widget: Widget, agent: User
) -> None:
    widget.write()
    first = Ticket.objects.get()
    written = reply_to_ticket(ticket=first, body="Your password", by=agent.as_viewer())
    # The ticket's own chat is gone; the stranger with the same address has another one.
    ChannelThread.objects.update(ticket=None)
    send_due()
    written.refresh_from_db()
    assert (written.delivery, widget.entries()[-1]["kind"]) == ("failed", "visitor")


# --- what an answer does ------------------------------------------------------------------------------------------------


def test_an_answer_that_is_seen_is_read_and_leaves_by_no_mail(widget: Widget, agent: User) -> None:
    widget.write()
    with time_machine.travel(datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) as clock:
        ChatSession.objects.update(last_seen_at=datetime(2026, 3, 2, 10, 0, tzinfo=UTC))
        written = answer(Ticket.objects.get(), agent)
        assert widget.ask("seen", {"number": 3}).status_code == 204
        written.refresh_from_db()
        assert written.delivery == "read"
        clock.shift(timedelta(minutes=4))
        send_due()
    assert mail.outbox == []
    assert Outbound.objects.get(kind="tickets.chat_fallback").state == "cancelled"


def test_an_answer_that_nobody_sees_leaves_by_mail_once(widget: Widget, agent: User) -> None:
    widget.write()
    with time_machine.travel(datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) as clock:
        written = answer(Ticket.objects.get(), agent, "It was **lost**.")
        send_due()
        assert mail.outbox == []
        clock.shift(timedelta(minutes=4))
        send_due()
        send_due()
    assert [one.to for one in mail.outbox] == [["Rosa <rosa@parcels.example>"]]
    assert "support@desk.example" in mail.outbox[0].from_email
    assert "lost" in mail.outbox[0].body
    assert Event.objects.filter(verb="tickets.chat_answer_mailed", ticket_id=written.ticket_id).count() == 1
    written.refresh_from_db()
    assert written.delivery == "sent"


def test_whoever_ended_the_chat_gets_the_answer_by_mail_at_once(widget: Widget, agent: User) -> None:
    widget.write()
    assert widget.ask("end", {}).status_code == 204
    assert widget.write("More", "message-2").json()["field"] == "text"
    answer(Ticket.objects.get(), agent)
    send_due()
    assert len(mail.outbox) == 1


def test_without_an_address_an_answer_after_the_end_fails_in_words(chat: Inbox, agent: User) -> None:
    made = Widget(chat)
    made.start(name="Rosa")
    made.write()
    made.ask("end", {})
    written = answer(Ticket.objects.get(), agent)
    assert (written.delivery, "no e-mail address" in written.delivery_detail) == ("failed", True)
    assert Event.objects.filter(verb="tickets.chat_ended").count() == 1


def test_a_worker_that_died_has_delivered_once(widget: Widget, agent: User) -> None:
    widget.write()
    written = reply_to_ticket(ticket=Ticket.objects.get(), body="On its way.", by=agent.as_viewer())
    row = Outbound.objects.get(idempotency_key=f"message:{written.pk}")
    with (
        mock.patch("core.outbox._settle", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        send_due()
    row.refresh_from_db()
    assert row.state == "sending"
    Outbound.objects.update(leased_until=None)
    send_due()
    row.refresh_from_db()
    assert row.state == "sent"
    assert [one["kind"] for one in widget.entries()] == ["visitor", "joined", "agent"]


def test_the_visitor_hears_who_takes_over_and_that_it_is_solved(
    widget: Widget, agent: User, lead_user: User, pump: Callable[[], int]
) -> None:
    widget.write()
    ticket = Ticket.objects.get()
    assign_ticket(ticket=ticket, assignee=agent, by=lead_user.as_viewer())
    pump()
    assert [one["kind"] for one in widget.entries()] == ["visitor"]
    answer(ticket, agent)
    assign_ticket(ticket=ticket, assignee=lead_user, by=lead_user.as_viewer())
    change_status(ticket=ticket, status="resolved", by=lead_user.as_viewer())
    pump()
    told = [(one["kind"], one["name"]) for one in widget.entries()]
    assert told[1:] == [("joined", "Priya"), ("agent", "Priya"), ("joined", "Lena"), ("resolved", "")]


def test_the_rating_is_the_surveys(widget: Widget, agent: User) -> None:
    widget.write()
    assert widget.ask("rating", {"score": 5}).json()["field"] == "score"
    answer(Ticket.objects.get(), agent)
    assert widget.ask("rating", {"score": 9}).status_code == 422
    assert widget.ask("rating", {"score": True}).status_code == 422
    assert widget.ask("rating", {"score": 4}).status_code == 204
    assert widget.ask("rating", {"score": 5, "comment": "Quick!"}).status_code == 204
    survey = SatisfactionSurvey.objects.get()
    assert (survey.score, survey.comment, survey.state) == (5, "Quick!", "sent")
    assert Ticket.objects.get().satisfaction == 5
    assert widget.ask("session").json()["rated"] is True


# --- files --------------------------------------------------------------------------------------------------------------


def test_files_go_both_ways(widget: Widget, agent: User) -> None:
    photo = SimpleUploadedFile("box.png", b"\x89PNG", "image/png")
    entry = widget.write("", "message-1", files=[photo]).json()["entry"]
    assert [(one["name"], one["size"]) for one in entry["files"]] == [("box.png", 4)]
    path = entry["files"][0]["url"].partition("://")[2].partition("/")[2]
    response = Client().get(f"/{path}")
    assert (response.content, response["X-Content-Type-Options"]) == (b"\x89PNG", "nosniff")
    assert response["Content-Disposition"].startswith("attachment")
    assert Client().get(f"/{path[:-2]}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_disk_while_a_chat_opens_a_ticket(
    widget: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _file: written.append(connection.in_atomic_block))
    assert widget.write("", "message-1", files=[SimpleUploadedFile("a.txt", b"abc")]).status_code == 201
    assert Message.objects.get().attachments.get().name == "a.txt"
    assert written == [False]


def test_the_policy_and_the_scanner_hold_for_visitors(widget: Widget) -> None:
    refused = widget.write("See", "message-1", files=[SimpleUploadedFile("run.exe", b"MZ")])
    assert (refused.status_code, refused.json()["field"]) == (422, "files")
    assert Message.objects.count() == 0
    entry = widget.write("See", "message-2", files=[SimpleUploadedFile("a.txt", b"a")]).json()["entry"]
    StoredFile.objects.update(scan=StoredFile.Scan.INFECTED, signature="Eicar")
    path = entry["files"][0]["url"].partition("://")[2].partition("/")[2]
    assert Client().get(f"/{path}").status_code == 403
    assert widget.entries()[0]["files"][0]["url"] == ""


def test_a_file_of_another_chat_cannot_be_fetched(widget: Widget, chat: Inbox) -> None:
    from tickets.channels.chat.transcript import file_link

    widget.write("See", "message-1", files=[SimpleUploadedFile("a.txt", b"a")])
    other = Widget(chat)
    other.start(name="Tom")
    attachment = Message.objects.get().attachments.get()
    link = file_link(other.session().pk, attachment.pk)
    assert Client().get("/" + link.partition("://")[2].partition("/")[2]).status_code == 404


# --- limits -------------------------------------------------------------------------------------------------------------


def test_a_visitor_who_writes_too_much_has_to_wait(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MESSAGES_A_MINUTE", 3)
    for number in range(3):
        assert widget.write(key=f"message-{number}").status_code == 201
    refused = widget.write(key="message-3")
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert widget.write(key="message-1").status_code == 201  # known already
    ChatEntry.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert widget.write(key="message-3").status_code == 201


def test_an_address_begins_so_many_chats(chat: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_CHATS_AN_HOUR", 2)
    for _chat in range(2):
        assert Widget(chat).start(name="Rosa").status_code == 201
    assert Widget(chat).start(name="Rosa").status_code == 429
    other = Widget(chat).ask("start", {"name": "Rosa"}, address="192.0.2.8")
    assert other.status_code == 201


def test_of_ipv6_a_network_counts_as_one_address(chat: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_CHATS_AN_HOUR", 2)
    statuses = [
        Widget(chat).ask("start", {"name": "Rosa"}, address=address).status_code
        for address in (
            "2001:db8::1",
            "2001:db8::ffff:2",
            "2001:db8::3:4",
            "2001:db8:0:1::1",
            "::ffff:192.0.2.9",
        )
    ]
    assert statuses == [201, 201, 429, 201, 201]


def test_all_addresses_together_begin_so_many_chats(
    chat: Inbox, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INBOX_CHATS_AN_HOUR", 2)
    statuses = [
        Widget(chat).ask("start", {"name": "Rosa"}, address=f"192.0.2.{number}") for number in range(3)
    ]
    assert [one.status_code for one in statuses] == [201, 201, 429]
    assert int(statuses[2]["Retry-After"]) > 0
    assert Widget(make_chat(admin)).start(name="Rosa").status_code == 201


def megabyte(name: str = "a.txt") -> SimpleUploadedFile:
    """A file of one megabyte."""
    return SimpleUploadedFile(name, name.encode() * (1024 * 1024 // len(name)), "text/plain")


@pytest.mark.parametrize("limit", ["FILE_MEGABYTES_AN_HOUR", "INBOX_FILE_MEGABYTES_A_DAY"])
def test_files_have_a_budget(chat: Inbox, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(limits, "attachment_policy", lambda: AttachmentPolicy(megabytes_together=1))
    monkeypatch.setattr(limits, limit, 2)
    first, second = Widget(chat), Widget(chat)
    first.start(name="Rosa")
    second.start(name="Tom")
    assert first.write("", "message-1", files=[megabyte("a.txt")]).status_code == 201
    # Another chat from the same address does not get round it.
    refused = second.write("", "message-2", files=[megabyte("b.txt"), megabyte("c.txt")])
    assert (refused.status_code, int(refused["Retry-After"]) > 0) == (429, True)
    assert StoredFile.objects.count() == 1
    assert second.write("Without", "message-3").status_code == 201


def test_of_files_sent_at_once_none_is_stored_beyond_the_budget(
    widget: Widget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "attachment_policy", lambda: AttachmentPolicy(megabytes_together=1))
    monkeypatch.setattr(limits, "FILE_MEGABYTES_AN_HOUR", 1)
    # As if the other one were counted only after this one was let in.
    monkeypatch.setattr("tickets.pages.chat.check_room", lambda *_given: None)
    with mock.patch("tickets.channels.chat.services.post_message.store_files") as store:
        refused = widget.write(
            "", "message-1", files=[megabyte("a.txt"), megabyte("b.txt"), megabyte("c.txt")]
        )
    assert (refused.status_code, store.called) == (429, False)


def test_a_refused_file_is_not_read(widget: Widget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "attachment_policy", lambda: AttachmentPolicy(megabytes_together=0))
    monkeypatch.setattr(limits, "FILE_MEGABYTES_AN_HOUR", 0)
    with mock.patch("django.http.request.HttpRequest._load_post_and_files") as parse:
        assert widget.write("", "message-1", files=[megabyte()]).status_code == 429
    assert not parse.called


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"id": 5}', b'{"id": "short"}', b'{"id": "' + b"x" * 65 + b'"}', b"\xff"]
)
def test_nonsense_is_refused_in_words(widget: Widget, body: bytes) -> None:
    response = Client().post(
        f"{widget.base}/messages/", body, content_type="application/json",
        headers={"Origin": SHOP, "Authorization": f"Bearer {widget.token}"},
    )  # fmt: skip
    assert response.status_code == 422
    assert response.json()["error"]


@pytest.mark.parametrize(
    "odd", [None, 5, 1.5, True, [], {}, [{"a": 1}], "\ud800", "\x00", "\u202e", "x" * 3000]
)
def test_odd_values_are_refused_or_made_storable(chat: Inbox, odd: Any) -> None:
    made = Widget(chat)
    assert made.start(name=odd, page_url=odd, page_title=odd).status_code == 201
    for field in ("email", "user_id", "signature"):
        assert made.ask("start", {"name": "Rosa", field: odd}).status_code in (201, 422)
    assert made.write("Hello").status_code == 201
    for path, field in (("messages", "id"), ("email", "email"), ("rating", "score"), ("rating", "comment")):
        assert made.ask(path, {"score": 1, "text": "x", field: odd}).status_code == 422
    for path, field in (("seen", "number"), ("seen", "page_url"), ("seen", "page_title"), ("typing", "x")):
        assert made.ask(path, {field: odd}).status_code == 204
    assert made.ask("messages", {"id": "message-2", "text": odd}).status_code in (201, 422)
    assert made.ask("session").status_code == 200


def test_a_long_text_is_refused(widget: Widget) -> None:
    assert widget.write("x" * (limits.LONGEST_TEXT + 1)).json()["field"] == "text"
    assert widget.ask("messages", {"id": "message-1", "text": "x" * 70_000}).status_code == 422


@given(st.text(max_size=80))
def test_what_counts_as_origin_is_one(text: str) -> None:
    origin = origin_of(text)
    assert origin == "" or origin_of(origin) == origin


# --- hours, agents, settings --------------------------------------------------------------------------------------------


def test_outside_office_hours_the_widget_says_so(admin: User) -> None:
    calendar = Calendar.objects.create(name="Office", windows={"0": [["09:00", "17:00"]]})
    inbox = make_chat(admin, calendar=calendar, closed_text="Write to us, we answer on Monday.")
    with time_machine.travel(datetime(2026, 3, 2, 10, 0, tzinfo=UTC)):
        assert Widget(inbox).ask("config").json()["is_open"] is True
    with time_machine.travel(datetime(2026, 3, 2, 18, 0, tzinfo=UTC)):
        config = Widget(inbox).ask("config").json()
    assert (config["is_open"], config["closed"]) == (False, "Write to us, we answer on Monday.")
    assert config["opens_at"] == "2026-03-09T09:00:00+00:00"


def test_an_agent_sees_the_visitor_and_the_visitor_the_agent(
    widget: Widget, agent: User, login: Callable[[User], Client]
) -> None:
    widget.write()
    ticket, browser = Ticket.objects.get(), login(agent)
    widget.ask("typing", {})
    found = browser.post(f"/inbox/{ticket.pk}/presence/", {"state": "replying"}).json()["people"]
    assert [one["text"] for one in found] == ["Rosa is typing"]
    assert widget.ask("session").json()["state"]["typing"] == "Priya"
    widget.ask("seen", {"number": 1, "page_url": "https://shop.example/help", "page_title": "Help"})
    panel = browser.get(f"/inbox/{ticket.pk}/panels/chat/").content.decode()
    assert "https://shop.example/help" in panel
    assert "Nobody vouches" in panel


def test_the_page_of_the_inbox_has_the_snippet(
    chat: Inbox, admin: User, login: Callable[[User], Client]
) -> None:
    page = login(admin).get(f"/settings/inboxes/{chat.pk}/").content.decode()
    assert f"data-inbox=&quot;{chat.hook_key}&quot;" in page
    assert identity_key(chat) in page
    assert login(admin).get(f"/settings/inboxes/{chat.pk}/preview/").status_code == 200
    values = {
        "name": "Chat", "is_active": "on", "origins": "https://a.example\nftp://b.example", "colour": "#112233",
        "position": "left", "ask_name": "no", "ask_email": "no", "agent_names": "full", "mail_after_minutes": "5",
    }  # fmt: skip
    refused = login(admin).post(f"/settings/inboxes/{chat.pk}/", values)
    assert (refused.status_code, "ftp://b.example is no origin" in refused.content.decode()) == (422, True)
    values["origins"] = "https://A.example:443/path\nhttps://a.example"
    assert login(admin).post(f"/settings/inboxes/{chat.pk}/", values).status_code == 302
    chat.refresh_from_db()
    assert (chat.config["origins"], chat.config["position"]) == (["https://a.example"], "left")
    assert "renew_identity" not in chat.config


def test_an_inactive_inbox_is_gone(widget: Widget, chat: Inbox) -> None:
    chat.is_active = False
    chat.save()
    assert widget.ask("session").status_code == 410


def test_unused_chats_are_forgotten_and_erasure_takes_the_rest(widget: Widget, chat: Inbox) -> None:
    other = Widget(chat)
    other.start(name="Tom")
    widget.write()
    ChatSession.objects.update(last_seen_at=datetime(2026, 1, 1, tzinfo=UTC))
    forget_unused_chats()
    assert [one.name for one in ChatSession.objects.all()] == ["Rosa"]
    assert ChatData().erase([Ticket.objects.get().contact_id]) == {"chats": 1}
    assert ChatEntry.objects.count() == 0


def test_entries_cost_a_constant_number_of_statements(
    widget: Widget, agent: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        widget.write(f"Text {number}", f"message-{number}")
    answer(Ticket.objects.get(), agent)
    with django_assert_max_num_queries(6):
        widget.ask("session")


# --- the stream ---------------------------------------------------------------------------------------------------------


class Stream:
    """A client of a chat's stream."""

    def __init__(self, app: ChatStreams, widget: Widget, last: str = "", **headers: str) -> None:
        known = {"origin": SHOP, "authorization": f"Bearer {widget.token}", "last-event-id": last} | headers
        self.connection: Any = ApplicationCommunicator(  # type: ignore[no-untyped-call]
            app,
            {
                "type": "http", "method": "GET", "path": widget.base.replace("/chat/", "/live/chat/") + "/",
                "query_string": b"", "client": ("192.0.2.7", 1),
                "headers": [(name.encode(), value.encode()) for name, value in known.items() if value],
            },
        )  # fmt: skip

    async def open(self) -> dict[str, Any]:
        """Connect; returns the start of the answer."""
        await self.connection.send_input({"type": "http.request", "body": b""})
        return dict(await self.connection.receive_output(5))

    async def next(self, wanted: str) -> tuple[str, Any]:
        """The next message of a kind, as (id, data)."""
        while True:
            chunk = (await self.connection.receive_output(5))["body"].decode()
            fields = dict(line.split(": ", 1) for line in chunk.strip().splitlines() if ": " in line)
            if fields.get("event") == wanted:
                return fields.get("id", ""), json.loads(fields["data"])

    async def close(self) -> None:
        """Go away."""
        await self.connection.send_input({"type": "http.disconnect"})
        await self.connection.wait(5)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the streams."""
    raise AssertionError("must not be reached")


@pytest.mark.django_db(transaction=True)
def test_the_stream_tells_what_is_new_and_resumes(chat: Inbox, agent: User) -> None:
    widget = Widget(chat)
    widget.start(name="Rosa")
    widget.write("One", "message-1")
    widget.write("Two", "message-2")

    async def listen() -> None:
        app = ChatStreams(nothing)
        stream = Stream(app, widget, last="1")
        start = await stream.open()
        assert start["status"] == 200
        assert (b"access-control-allow-origin", SHOP.encode()) in start["headers"]
        number, entry = await stream.next("entry")
        assert (number, entry["text"]) == ("2", "Two")
        await in_thread(answer)(await in_thread(Ticket.objects.get)(), agent, "Three")
        assert [(await stream.next("entry"))[1]["kind"] for _each in range(2)] == ["joined", "agent"]
        assert (await stream.next("state"))[1]["agent"] == "Priya"
        await stream.close()
        again = Stream(app, widget, last="4")
        await again.open()
        await in_thread(widget.write)("Four", "message-3")
        assert (await again.next("entry"))[0] == "5"
        await again.close()
        assert app.streams == set()

    asyncio.run(listen())


@pytest.mark.django_db(transaction=True)
def test_a_server_that_stops_ends_its_streams(chat: Inbox) -> None:
    widget = Widget(chat)
    widget.start(name="Rosa")

    async def listen() -> None:
        app = ChatStreams(LiveFeed(nothing))
        stream = Stream(app, widget)
        await stream.open()
        await stream.next("hello")
        life: Any = ApplicationCommunicator(app, {"type": "lifespan"})  # type: ignore[no-untyped-call]
        await life.send_input({"type": "lifespan.startup"})
        assert (await life.receive_output(5))["type"] == "lifespan.startup.complete"
        await life.send_input({"type": "lifespan.shutdown"})
        assert (await life.receive_output(5))["type"] == "lifespan.shutdown.complete"
        await stream.connection.wait(5)
        assert app.streams == set()

    asyncio.run(listen())


@pytest.mark.django_db(transaction=True)
def test_the_stream_refuses_strangers_and_crowds(chat: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.channels.chat.stream.STREAMS_PER_CHAT", 1)
    widget = Widget(chat)
    widget.start(name="Rosa")

    async def listen() -> None:
        app = ChatStreams(nothing)
        assert (await Stream(app, widget, authorization="Bearer nobody").open())["status"] == 401
        assert (await Stream(app, widget, origin="https://evil.example").open())["status"] == 403
        first = Stream(app, widget)
        assert (await first.open())["status"] == 200
        await first.next("hello")
        assert (await Stream(app, widget).open())["status"] == 429
        await first.close()

    asyncio.run(listen())
