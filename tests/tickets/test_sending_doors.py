"""Answers on their way out through pages and REST; the conversation on paper and its mails as files."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event
from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tickets.attachment_policy import attachment_policy
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Draft, Inbox, Message, Ticket
from tickets.services.add_note import add_note
from tickets.services.note_presence import note_presence
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.schedule_answer import hold_failed, schedule_answer

HTMX = {"HX-Request": "true"}
Api = Callable[..., APIClient]


@pytest.fixture
def browser(agent: User, login: Any) -> Client:
    """The agent's browser."""
    client: Client = login(agent)
    return client


@pytest.fixture
def rest(api: Api) -> APIClient:
    """A key that may write tickets."""
    return api("tickets:read", "tickets:write")


# --- pages ------------------------------------------------------------------------------------------------------------


def send(browser: Client, ticket: Ticket, **form: str) -> Any:
    """Post the composer."""
    address = reverse("inbox-messages", args=[ticket.pk])
    return browser.post(address, {"kind": "reply", "body": "Hello", **form}, headers=HTMX)


def test_the_toast_leads_back_for_as_long_as_the_person_wishes(
    browser: Client, ticket: Ticket, agent: User
) -> None:
    agent.preferences = {"undo_seconds": 30}
    agent.save()
    sent = send(browser, ticket, body="Dear Mette")
    message = Message.objects.get(kind="outbound")
    assert message.leaves_at is not None
    assert timedelta(seconds=28) < message.leaves_at - timezone.now() <= timedelta(seconds=30)
    undo = reverse("inbox-undo", args=[ticket.pk, message.pk])
    assert undo in sent.headers["HX-Trigger"]
    back = browser.post(undo, headers=HTMX)
    assert back.headers["HX-Retarget"] == "#conversation"
    assert "Dear Mette</textarea>" in back.content.decode()
    assert browser.post(undo, headers=HTMX).status_code == 404


def test_who_wishes_no_wait_gets_none(browser: Client, ticket: Ticket, agent: User) -> None:
    agent.preferences = {"undo_seconds": 0}
    agent.save()
    assert "undo_url" not in send(browser, ticket).headers["HX-Trigger"]
    send_due()
    assert len(mail.outbox) == 1


def test_send_and_open_the_next(browser: Client, ticket: Ticket, write: Callable[..., Received]) -> None:
    following = write("The other one").ticket
    answer = browser.post(
        reverse("inbox-messages", args=[ticket.pk]) + "?view=unassigned&sort=newest",
        {"kind": "reply", "body": "Hello", "next": "resolve-next"},
        headers=HTMX,
    )
    shown = answer.content.decode()
    ticket.refresh_from_db()
    assert ticket.status_id == "resolved"
    assert 'data-ticket="' in shown or "That was the last one" in shown
    assert f'data-ticket="{ticket.pk}"' not in shown
    assert following.pk != ticket.pk


def test_send_and_put_aside(browser: Client, ticket: Ticket) -> None:
    send(browser, ticket, next="snooze")
    ticket.refresh_from_db()
    assert ticket.snoozed_until is not None
    assert ticket.snoozed_until > timezone.now()
    message = Message.objects.get(kind="outbound")
    assert browser.post(reverse("inbox-undo", args=[ticket.pk, message.pk]), headers=HTMX).status_code == 200
    ticket.refresh_from_db()
    assert not ticket.snoozed_until
    assert not ticket.snoozed_by_id


def test_who_may_not_put_aside_sends_nothing_either(csm: User, ticket: Ticket, login: Any) -> None:
    refused = send(login(csm), ticket, next="snooze")
    assert refused.status_code == 403
    assert not Message.objects.filter(kind="outbound").exists()


def test_scheduled_from_the_menu_listed_edited_and_thrown_away(browser: Client, ticket: Ticket) -> None:
    menu = browser.get(reverse("inbox-send-later", args=[ticket.pk])).content.decode()
    assert 'value="tomorrow"' in menu
    answer = send(browser, ticket, when="tomorrow", body="Good **morning**", hold="0")
    waiting = Draft.objects.get(state="scheduled")
    assert not waiting.hold_if_customer_writes
    assert "<strong>morning</strong>" in answer.content.decode()
    assert f"#{ticket.number}" in browser.get("/inbox/scheduled/").content.decode()
    address = reverse("inbox-waiting-answer", args=[ticket.pk, waiting.pk])
    edited = browser.post(address, {"act": "edit"}, headers=HTMX).content.decode()
    assert "Good **morning**</textarea>" in edited
    at = timezone.localtime(timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    send(browser, ticket, at=at, body="Later")
    again = Draft.objects.get(state="scheduled")
    address = reverse("inbox-waiting-answer", args=[ticket.pk, again.pk])
    assert browser.post(address, {"act": "discard"}, headers=HTMX).status_code == 200
    assert browser.post(address, {"act": "send"}, headers=HTMX).status_code == 404
    assert not Message.objects.filter(kind="outbound").exists()


def test_failed_answer_is_marked_and_can_be_tried_again(
    browser: Client, ticket: Ticket, viewer: Viewer, rest: APIClient
) -> None:
    answer = schedule_answer(ticket=ticket, body="x", send_at=timezone.now() + timedelta(days=1), by=viewer)
    hold_failed(draft_id=answer.pk, version=answer.version, reason="the disk is full")
    for address in (f"/inbox/{ticket.pk}/", "/inbox/scheduled/"):
        page = browser.get(address).content.decode()
        for words in ("Not sent", "Sending it failed.", "the disk is full", "Try again"):
            assert words in page
    [shown] = rest.get(f"/api/v1/tickets/{ticket.pk}/answers/").json()
    assert (shown["state"], shown["held_because"], shown["held_detail"]) == (
        "held",
        "failed",
        "the disk is full",
    )
    address = reverse("inbox-waiting-answer", args=[ticket.pk, answer.pk])
    assert browser.post(address, {"act": "send"}, headers=HTMX).status_code == 200
    assert Message.objects.filter(kind="outbound").count() == 1


def test_waiting_answers_of_keys_bear_their_name(browser: Client, ticket: Ticket, rest: APIClient) -> None:
    at = (timezone.now() + timedelta(days=1)).isoformat()
    made = rest.post(f"/api/v1/tickets/{ticket.pk}/answers/", {"body": "x", "send_at": at}, format="json")
    assert made.status_code == 202
    key = made.json()["api_key"]
    assert key["id"] == Draft.objects.get().api_key_id
    assert key["name"] in browser.get("/inbox/scheduled/").content.decode()


def test_refused_time_keeps_the_words(browser: Client, ticket: Ticket) -> None:
    refused = send(browser, ticket, at="2001-01-01T09:00", body="Too late")
    assert refused.status_code == 422
    assert "Too late</textarea>" in refused.content.decode()


def test_edited_copies_are_sent_and_outsiders_are_marked(browser: Client, ticket: Ticket) -> None:
    save = {"kind": "reply", "body": "Hello", "cc_edited": "1", "cc": ["boss@elsewhere.example"]}
    browser.post(reverse("inbox-draft", args=[ticket.pk]), save)
    shown = browser.get(reverse("inbox-conversation", args=[ticket.pk]), headers=HTMX).content.decode()
    assert 'class="cc is-warn"' in shown
    send(browser, ticket, cc="boss@elsewhere.example", cc_edited="1")
    assert Message.objects.get(kind="outbound").recipients["cc"][0]["address"] == "boss@elsewhere.example"


def test_preview_shows_form_and_nothing_that_acts(browser: Client, ticket: Ticket) -> None:
    body = "**yes** <img src=x onerror=alert(1)> [x](javascript:alert(1)) https://a.example/b_c_d"
    html = browser.post(reverse("inbox-preview", args=[ticket.pk]), {"body": body}).content.decode()
    assert "<strong>yes</strong>" in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert 'href="https://a.example/b_c_d"' in html


def test_rules_for_files_are_a_settings_page(admin: User, browser: Client, login: Any) -> None:
    form = {"megabytes_each": "5", "megabytes_together": "8", "most_files": "3", "blocked": ".EXE, iso"}
    assert browser.post("/settings/attachments/", form).status_code == 403
    boss = login(admin)
    assert boss.post("/settings/attachments/", form).status_code == 302
    policy = attachment_policy()
    assert (policy.megabytes_each, policy.files, policy.blocked) == (5, 3, ("exe", "iso"))
    assert Event.objects.filter(verb="tickets.attachment_policy_saved").count() == 1
    assert boss.post("/settings/attachments/", {**form, "megabytes_together": "1"}).status_code == 422
    assert boss.post("/settings/attachments/", {**form, "blocked": "a/b"}).status_code == 422


def test_signature_and_time_to_undo_are_the_persons(browser: Client, agent: User, ticket: Ticket) -> None:
    form = {"name": agent.name, "timezone": "UTC", "undo_seconds": "5", "signature": "Best, Priya"}
    assert browser.post("/profile/", form).status_code == 302
    agent.refresh_from_db()
    assert (agent.preferences["undo_seconds"], agent.preferences["signature"]) == (5, "Best, Priya")
    assert "Best, Priya" in browser.get(f"/inbox/{ticket.pk}/").content.decode()
    assert browser.post("/profile/", {**form, "undo_seconds": "600"}).status_code == 422


# --- originals --------------------------------------------------------------------------------------------------------

RAW = (
    b"From: Mette Aas <mette@halden.example>\r\nTo: support@desk.example\r\nSubject: Printer\r\n"
    b"Message-ID: <1@halden.example>\r\nX-Odd: <script>alert(1)</script>\r\n\r\nIt smokes.\r\n"
)


@pytest.fixture
def mailed(inbox: Inbox, contact: Any) -> Message:
    """A message that came as a mail."""
    store_mail(inbox=inbox, raw=RAW, source="test")
    process_waiting_mail(until=timezone.now() + timedelta(seconds=30))
    return Message.objects.get()


def test_received_mail_as_it_came(browser: Client, mailed: Message) -> None:
    address = reverse("inbox-eml", args=[mailed.ticket_id, mailed.pk])
    answer = browser.get(address)
    assert answer.content == RAW
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"
    shown = browser.get(reverse("inbox-headers", args=[mailed.ticket_id, mailed.pk])).content.decode()
    assert "X-Odd" in shown
    assert "<script>alert" not in shown


def test_sent_mail_as_it_went(browser: Client, ticket: Ticket, viewer: Viewer) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Hello **there**", by=viewer)
    send_due()
    raw = browser.get(reverse("inbox-eml", args=[ticket.pk, answer.pk])).content
    kept, sent = message_from_bytes(raw, policy=policy.default), mail.outbox[0]
    assert (kept["Message-ID"], kept["To"]) == (sent.extra_headers["Message-ID"], sent.to[0])
    assert "<strong>there</strong>" in kept.get_body(("html",)).get_content()  # type: ignore[union-attr]
    note = add_note(ticket=ticket, body="Secret", by=viewer)
    assert browser.get(reverse("inbox-eml", args=[ticket.pk, note.pk])).status_code == 404


def test_originals_of_private_tickets_stay_private(
    browser: Client, mailed: Message, private_team: Any
) -> None:
    Ticket.objects.filter(pk=mailed.ticket_id).update(team=private_team)
    for name in ("inbox-eml", "inbox-headers"):
        assert browser.get(reverse(name, args=[mailed.ticket_id, mailed.pk])).status_code == 404
    assert browser.get(reverse("inbox-print", args=[mailed.ticket_id])).status_code == 404


def test_paper_holds_the_conversation_and_notes_only_when_wanted(
    browser: Client, ticket: Ticket, viewer: Viewer
) -> None:
    reply_to_ticket(ticket=ticket, body="Hello **there**", by=viewer)
    add_note(ticket=ticket, body="For us only", by=viewer)
    address = reverse("inbox-print", args=[ticket.pk])
    paper = browser.get(address).content.decode()
    assert "<strong>there</strong>" in paper
    assert "For us only" in paper
    assert 'class="rail' not in paper
    assert "For us only" not in browser.get(address, {"notes": "0"}).content.decode()


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_answers_now_and_takes_back(rest: APIClient, ticket: Ticket) -> None:
    address = f"/api/v1/tickets/{ticket.pk}/answers/"
    made = rest.post(address, {"body": "Hello", "undo_seconds": 20, "cc": ["a@x.example"]}, format="json")
    assert made.status_code == 201
    assert made.json()["recipients"]["cc"] == [{"name": "", "address": "a@x.example"}]
    undo = f"/api/v1/tickets/{ticket.pk}/messages/{made.json()['id']}/undo/"
    assert rest.post(undo).status_code == 200
    assert rest.post(undo).status_code == 404
    assert not Message.objects.filter(kind="outbound").exists()
    at_once = rest.post(address, {"body": "Hello"}, format="json").json()["id"]
    assert rest.post(f"/api/v1/tickets/{ticket.pk}/messages/{at_once}/undo/").status_code == 400


def test_rest_schedules_lists_sends_and_discards(rest: APIClient, ticket: Ticket) -> None:
    address = f"/api/v1/tickets/{ticket.pk}/answers/"
    at = (timezone.now() + timedelta(hours=3)).isoformat()
    for body in ("One", "Two"):
        made = rest.post(
            address, {"body": body, "send_at": at}, format="json", headers={"Idempotency-Key": body}
        )
        assert (made.status_code, made.json()["state"]) == (202, "scheduled")
        repeated = rest.post(
            address, {"body": body, "send_at": at}, format="json", headers={"Idempotency-Key": body}
        )
        assert repeated.json()["id"] == made.json()["id"]
    first, second = rest.get(address).json()
    assert rest.post(f"{address}{first['id']}/", {}, format="json").status_code == 201
    assert rest.delete(f"{address}{second['id']}/").status_code == 204
    assert rest.get(address).json() == []
    past = rest.post(address, {"body": "x", "send_at": "2001-01-01T00:00:00Z"}, format="json")
    assert (past.status_code, list(past.json()["errors"])) == (400, ["send_at"])


def test_rest_refuses_over_newer_words(
    rest: APIClient, ticket: Ticket, write: Callable[..., Received]
) -> None:
    seen = ticket.messages.latest("pk").pk
    write("Wait", ticket=ticket)
    refused = rest.post(
        f"/api/v1/tickets/{ticket.pk}/answers/", {"body": "x", "seen_message_id": seen}, format="json"
    )
    assert refused.status_code == 409


def test_rest_of_drafts_is_for_people(rest: APIClient, ticket: Ticket) -> None:
    address = f"/api/v1/tickets/{ticket.pk}/drafts/reply/"
    assert rest.put(address, {"body": "x"}, format="json").status_code == 400
    assert rest.get(address).status_code == 404


def test_rest_of_presence_and_scopes(
    rest: APIClient, api: Api, ticket: Ticket, viewer: Viewer, agent: User
) -> None:
    note_presence(ticket=ticket, state="noting", by=viewer)
    [person] = rest.get(f"/api/v1/tickets/{ticket.pk}/presence/").json()
    assert (person["user"], person["name"], person["state"]) == (agent.pk, "Priya Raman", "noting")
    reading = api("tickets:read")
    assert reading.post(f"/api/v1/tickets/{ticket.pk}/answers/", {"body": "x"}).status_code == 403
    assert reading.get(f"/api/v1/tickets/{ticket.pk}/answers/").status_code == 200
    schedule_answer(ticket=ticket, body="x", send_at=timezone.now() + timedelta(days=1), by=viewer)
    waiting = Draft.objects.get()
    assert reading.delete(f"/api/v1/tickets/{ticket.pk}/answers/{waiting.pk}/").status_code == 403
