"""Providers of mail over HTTP: what leaves, against a fake of each provider's interface; what comes, from payload to ticket.

Requests and payloads are written from the providers' public documentation: documented, not recorded.
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads ·
https://postmarkapp.com/developer/webhooks/webhooks-overview · https://dev.mailjet.com/email/guides/webhooks/ ·
https://developers.brevo.com/docs/transactional-webhooks
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from core.models import Outbound
from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.mails import mail_of, take
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.connections import hook_url
from tickets.models import ChannelHealth, ChannelPayload, Inbox, MailLedger, Message, SendingPause, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.retry_delivery import retry_delivery
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("minds")]
HOST = "127.0.0.1"
SIGNING_KEY = "signing-key"
Connect = Callable[..., Inbox]


class FakeApi:
    """Answers as told and keeps what it was sent. ``hangs_up`` ends the connection after the request."""

    def __init__(self) -> None:
        self.port = 0
        self.answer: tuple[int, Any] | None = None
        self.hangs_up = False
        self.refused: set[str] = set()
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    def words(self, path: str, body: bytes) -> tuple[int, Any]:
        """What the provider at this path says to a mail that it takes."""
        if self.answer is not None:
            return self.answer
        if path.endswith("/messages"):  # Mailgun
            return 200, {"id": "<20261121.1@mg.desk.example>", "message": "Queued. Thank you."}
        if path.endswith("/smtp/email"):  # Brevo
            return 201, {"messageId": "<2026@smtp-relay.mailin.fr>"}
        if path.endswith("/email"):  # Postmark
            return 200, {"To": "mette@halden.example", "MessageID": "0a12", "ErrorCode": 0, "Message": "OK"}
        told = json.loads(body)  # Mailjet
        mail = {**told.get("Globals", {}), **told["Messages"][0]}
        sent = {
            name: [
                {"Email": one["Email"], "MessageUUID": "x", "MessageID": 456, "MessageHref": "h"}
                for one in mail.get(name, ())
                if one["Email"] not in self.refused
            ]
            for name in ("To", "Cc", "Bcc")
        }
        return 200, {"Messages": [{"Status": "success", **sent}]}


class _Handler(BaseHTTPRequestHandler):
    api: FakeApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.api.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.api.hangs_up:
            self.connection.close()
            return
        status, found = self.api.words(self.path, body)
        raw = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api(settings: Any) -> Iterator[FakeApi]:
    """The fake, in place of every provider."""
    fake = FakeApi()
    server = ThreadingHTTPServer((HOST, 0), type("Handler", (_Handler,), {"api": fake}))
    fake.port = server.server_port
    settings.GUARDED_HTTP_ALLOW = [HOST]
    settings.ANYMAIL = {
        f"{name}_API_URL": f"http://{HOST}:{fake.port}/"
        for name in ("MAILGUN", "POSTMARK", "MAILJET", "BREVO")
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture
def connect(inbox: Inbox, admin: User) -> Connect:
    """Let a provider send and receive for the inbox."""

    def make(provider: str, **words: str) -> Inbox:
        own = {
            "provider": provider,
            "provider_key": "key-of-ours",
            "provider_secret": "second-key",
            "provider_domain": "mg.desk.example",
            "hook_secret": SIGNING_KEY if provider == "mailgun" else "desk:pass",
        }
        return save_inbox(
            inbox=inbox, name=inbox.name, default_team=None, by=admin.as_viewer(), settings={**own, **words}
        )

    return make


def answer(inbox: Inbox, viewer: Viewer, **headers: str) -> Message:
    row = take(mail_of(**headers), inbox)
    assert row.ticket is not None
    return reply_to_ticket(ticket=row.ticket, body="We have **refunded** it.", by=viewer)


def states(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return Outbound.objects.get(idempotency_key=f"message:{message.pk}").state, message.delivery


def call(
    client: Client, inbox: Inbox, body: Any, *, query: str = "", auth: str = "desk:pass", **words: Any
) -> int:
    path = hook_url(inbox).split("/", 3)[3]
    headers = {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()} if auth else {}
    data = body if isinstance(body, bytes | dict) and "content_type" in words else json.dumps(body)
    words.setdefault("content_type", "application/json")
    if words["content_type"] == "multipart":
        del words["content_type"]
    return client.post(f"/{path}{query}", data, headers=headers, **words).status_code


def signed(timestamp: str = "1700000000", token: str = "t" * 50, key: str = SIGNING_KEY) -> dict[str, str]:
    digest = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest}


# --- out --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "mailjet", "brevo"])
def test_answers_leave_by_each_provider_with_our_message_id_and_key(
    api: FakeApi, connect: Connect, viewer: Viewer, provider: str
) -> None:
    inbox = connect(provider)
    message = answer(inbox, viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    [(_path, headers, body)] = api.asked
    text = unquote_plus(body.decode("utf-8", "replace"))
    assert f"message:{message.pk}" in text
    assert "refunded" in text
    assert "mette@halden.example" in text
    assert "support@desk.example" in text
    assert f".{message.pk}." in text or "csops" in text
    told = json.dumps(headers)
    basic = base64.b64encode(
        {"mailgun": b"api:key-of-ours"}.get(provider, b"key-of-ours:second-key")
    ).decode()
    assert "key-of-ours" in told or basic in told
    assert "X-PM-KeepID" in text or provider != "postmark"
    assert ChannelHealth.objects.get().state == "ok"
    assert "key-of-ours" not in str(Inbox.objects.values())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (503, ("pending", "queued")),
        (429, ("pending", "queued")),
        (401, ("pending", "queued")),
        (422, ("failed", "failed")),
        (500, ("uncertain", "uncertain")),
        (502, ("uncertain", "uncertain")),
        (504, ("uncertain", "uncertain")),
        (200, ("uncertain", "uncertain")),
    ],
)
def test_what_a_provider_says_instead(
    api: FakeApi, connect: Connect, viewer: Viewer, status: int, outcome: tuple[str, str]
) -> None:
    message = answer(connect("postmark"), viewer)
    api.answer = (status, {"ErrorCode": 300, "Message": "no"} if status != 200 else "nonsense")
    send_due()
    assert states(message) == outcome
    if status == 401:
        assert ChannelHealth.objects.get().alarm == "refused"
    if outcome[0] != "pending":
        return
    assert message.next_try_at is not None
    api.answer = None
    with time_machine.travel(message.next_try_at + timedelta(seconds=1)):
        send_due()
    assert (states(message), len(api.asked)) == (("sent", "sent"), 2)
    assert SendingPause.objects.count() == 0


def test_accepted_then_died_is_left_to_a_person(api: FakeApi, connect: Connect, viewer: Viewer) -> None:
    message = answer(connect("mailgun"), viewer)
    api.hangs_up = True
    send_due()
    api.hangs_up = False
    assert states(message) == ("uncertain", "uncertain")
    with time_machine.travel(timezone.now() + timedelta(hours=5)):
        send_due()
    assert len(api.asked) == 1


def test_a_provider_that_is_away_is_asked_by_one_mail(
    api: FakeApi, connect: Connect, viewer: Viewer, settings: Any
) -> None:
    inbox = connect("brevo")
    settings.ANYMAIL = {"BREVO_API_URL": f"http://{HOST}:1/"}
    messages = [answer(inbox, viewer, subject=f"Number {number}") for number in range(4)]
    send_due()
    assert {states(one) for one in messages} == {("pending", "queued")}
    assert sum(Outbound.objects.values_list("attempts", flat=True)) == 1


@pytest.mark.parametrize(
    ("provider", "words", "field"),
    [
        ("postmark", {"provider_key": ""}, "provider_key"),
        ("mailjet", {"provider_secret": ""}, "provider_secret"),
        ("mailgun", {"provider_domain": ""}, "provider_domain"),
    ],
)
def test_a_provider_without_its_keys_is_refused(
    connect: Connect, provider: str, words: dict[str, str], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(provider, **words)
    assert list(refused.value.error_dict) == [field]


# --- what became of our mails -----------------------------------------------------------------------------------------


def news(
    provider: str, message: Message, what: str, *, address: str = "mette@halden.example", again: int = 0
) -> Any:
    """A call about our mail, as each provider describes it; ``again`` says of which repetition."""
    key = f"message:{message.pk}" + (f"#{again}" if again else "")
    if provider == "mailgun":
        event = {
            "event": "delivered" if what == "delivered" else "failed",
            "severity": "permanent",
            "reason": "bounce",
            "timestamp": 1700000000.5,
            "id": what,
            "recipient": address,
            "message": {"headers": {"message-id": "20261121.1@mg.desk.example"}},
            "user-variables": {"message": key},
            "delivery-status": {"code": 550, "message": "no such user"},
        }
        return {"signature": signed(token=what * 5), "event-data": event}
    if provider == "postmark":
        common = {"MessageID": "0a129aee-e1cd", "Metadata": {"message": key}, "Tag": ""}
        if what == "delivered":
            return {
                **common,
                "RecordType": "Delivery",
                "Recipient": address,
                "DeliveredAt": "2026-11-21T10:00:00Z",
            }
        bounce = {
            "Type": "HardBounce",
            "ID": 42,
            "Description": "no such user",
            "BouncedAt": "2026-11-21T10:00:00Z",
        }
        return {**common, **bounce, "RecordType": "Bounce", "Email": address, "Details": "no such user"}
    if provider == "mailjet":
        common = {
            "time": 1700000000,
            "MessageID": 456,
            "email": address,
            "Payload": json.dumps({"message": key}),
        }
        if what == "delivered":
            return [{**common, "event": "sent", "smtp_reply": "250 ok"}]
        return [
            {
                **common,
                "event": "bounce",
                "hard_bounce": True,
                "error": "user unknown",
                "comment": "no such user",
            }
        ]
    common = {"email": address, "ts_event": 1700000000, "message-id": "<2026@smtp-relay.mailin.fr>"}
    return {
        **common,
        "X-Mailin-custom": json.dumps({"message": key}),
        "event": "delivered" if what == "delivered" else "hard_bounce",
        "reason": "no such user",
    }


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "mailjet", "brevo"])
def test_what_a_provider_tells_moves_the_delivery_forwards_only(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client, provider: str
) -> None:
    inbox = connect(provider)
    gone, reached = answer(inbox, viewer), answer(inbox, viewer, subject="Another")
    # News that overtake our own note count as well.
    assert call(client, inbox, news(provider, reached, "delivered")) == 200
    send_due()
    for _twice in range(2):
        assert call(client, inbox, news(provider, gone, "bounced")) == 200
    take_payloads()
    assert states(gone) == ("failed", "failed")
    assert "mette@halden.example" in gone.delivery_detail
    assert states(reached) == ("sent", "delivered")
    assert call(client, inbox, news(provider, reached, "bounced")) == 200
    take_payloads()
    assert states(reached) == ("sent", "delivered")
    assert set(ChannelPayload.objects.values_list("state", flat=True)) == {"processed"}


def test_a_mail_that_came_back_can_be_sent_again(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("postmark")
    message = answer(inbox, viewer)
    send_due()
    call(client, inbox, news("postmark", message, "bounced"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    retry_delivery(message=message, by=viewer)
    send_due()
    assert (states(message), len(api.asked)) == (("sent", "sent"), 2)


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "mailjet", "brevo"])
def test_what_came_back_from_one_recipient_is_told_of_that_one_and_sent_to_it_alone(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client, provider: str
) -> None:
    inbox = connect(provider)
    message = answer(inbox, viewer, Cc="ole@partner.example")
    send_due()
    call(client, inbox, news(provider, message, "delivered"))
    take_payloads()
    # One of two has it.
    assert states(message) == ("sent", "sent")
    call(client, inbox, news(provider, message, "bounced", address="ole@partner.example"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    assert message.delivery_detail.startswith("ole@partner.example")
    assert "mette" not in message.delivery_detail
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    again = unquote_plus(api.asked[1][2].decode("utf-8", "replace"))
    assert len(api.asked) == 2
    assert "ole@partner.example" in again
    assert "mette@halden.example" not in again
    call(client, inbox, news(provider, message, "delivered", address="ole@partner.example", again=1))
    take_payloads()
    assert states(message) == ("sent", "delivered")


def test_who_was_refused_at_the_door_is_not_made_good_by_who_got_it(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("mailjet")
    message = answer(inbox, viewer, Cc="ole@partner.example")
    api.refused = {"ole@partner.example"}
    send_due()
    assert states(message) == ("failed", "failed")
    call(client, inbox, news("mailjet", message, "delivered"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    assert "ole@partner.example" in message.delivery_detail
    api.refused = set()
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    again = unquote_plus(api.asked[1][2].decode("utf-8", "replace"))
    assert ("ole@partner.example" in again, "mette@halden.example" in again) == (True, False)


def recipients_of(asked: tuple[str, dict[str, str], bytes], *addresses: str) -> set[str]:
    """Which of the addresses a request names."""
    text = unquote_plus(asked[2].decode("utf-8", "replace"))
    return {one for one in addresses if one in text}


def test_who_was_reached_by_a_mail_of_unknown_fate_does_not_get_it_again(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("postmark")
    message = answer(inbox, viewer, Cc="ole@partner.example")
    api.hangs_up = True
    send_due()
    api.hangs_up = False
    call(client, inbox, news("postmark", message, "delivered", address="ole@partner.example"))
    call(client, inbox, news("postmark", message, "bounced"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message)[0] == "sent"
    both = ("mette@halden.example", "ole@partner.example")
    assert recipients_of(api.asked[1], *both) == {"mette@halden.example"}


def test_who_was_reached_before_the_worker_died_does_not_get_it_again(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker ends between the provider's answer and what it would have written down."""
    inbox = connect("postmark")
    message = answer(inbox, viewer, Cc="ole@partner.example")

    def end(*_words: Any, **_more: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("tickets.channels.email.services.send_mail.note_success", end)
        with pytest.raises(SystemExit):
            send_due()
    call(client, inbox, news("postmark", message, "delivered", address="ole@partner.example"))
    call(client, inbox, news("postmark", message, "bounced"))
    take_payloads()
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        send_due()
    assert states(message) == ("failed", "failed")
    retry_delivery(message=message, by=viewer)
    send_due()
    both = ("mette@halden.example", "ole@partner.example")
    assert [recipients_of(one, *both) for one in api.asked] == [set(both), {"mette@halden.example"}]


def test_what_came_back_after_another_was_refused_at_the_door_is_sent_again_too(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("mailjet")
    both = ("mette@halden.example", "ole@partner.example")
    message = answer(inbox, viewer, Cc="ole@partner.example")
    api.refused = {"ole@partner.example"}
    send_due()
    call(client, inbox, news("mailjet", message, "bounced"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    # Both are told.
    assert all(one in message.delivery_detail for one in both)
    api.refused = set()
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    assert recipients_of(api.asked[1], *both) == set(both)


def test_what_came_back_only_after_the_refused_one_was_sent_again_is_told(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("mailjet")
    both = ("mette@halden.example", "ole@partner.example")
    message = answer(inbox, viewer, Cc="ole@partner.example")
    api.refused = {"ole@partner.example"}
    send_due()
    api.refused = set()
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    call(client, inbox, news("mailjet", message, "bounced"))
    take_payloads()
    assert states(message) == ("failed", "failed")
    retry_delivery(message=message, by=viewer)
    send_due()
    assert [recipients_of(one, *both) for one in api.asked[1:]] == [
        {"ole@partner.example"},
        {"mette@halden.example"},
    ]


def test_who_came_back_and_got_it_after_all_makes_nothing_good_for_who_was_refused(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("mailjet")
    message = answer(inbox, viewer, Cc="ole@partner.example")
    api.refused = {"ole@partner.example"}
    send_due()
    for what in ("bounced", "delivered"):
        call(client, inbox, news("mailjet", message, what))
        take_payloads()
        assert states(message) == ("failed", "failed")
    assert "ole@partner.example" in message.delivery_detail
    api.refused = set()
    retry_delivery(message=message, by=viewer)
    send_due()
    both = ("mette@halden.example", "ole@partner.example")
    assert recipients_of(api.asked[1], *both) == {"ole@partner.example"}


def test_a_late_word_about_the_first_time_is_none_about_the_second(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("postmark")
    message = answer(inbox, viewer)
    send_due()
    call(client, inbox, news("postmark", message, "bounced"))
    take_payloads()
    retry_delivery(message=message, by=viewer)
    # The provider says once more, in other words, that the first one came back.
    call(client, inbox, news("postmark", message, "bounced") | {"ID": 43})
    take_payloads()
    send_due()
    assert states(message) == ("sent", "sent")
    call(client, inbox, news("postmark", message, "bounced") | {"ID": 44})
    take_payloads()
    assert states(message) == ("sent", "sent")
    call(client, inbox, news("postmark", message, "delivered", again=1))
    take_payloads()
    assert states(message) == ("sent", "delivered")


def test_news_of_a_mail_of_unknown_fate_show_that_it_left(
    api: FakeApi, connect: Connect, viewer: Viewer, client: Client
) -> None:
    inbox = connect("postmark")
    message = answer(inbox, viewer)
    api.hangs_up = True
    send_due()
    assert states(message) == ("uncertain", "uncertain")
    call(client, inbox, news("postmark", message, "delivered"))
    take_payloads()
    assert states(message) == ("sent", "delivered")


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "mailjet", "brevo"])
def test_who_cannot_prove_to_be_the_provider_is_turned_away(
    connect: Connect, client: Client, provider: str
) -> None:
    inbox = connect(provider)
    body = {"event": "delivered", "signature": signed(key="another"), "event-data": {}}
    assert call(client, inbox, body, auth="desk:wrong") == 403
    assert call(client, inbox, body, auth="") == 403
    assert ChannelPayload.objects.count() == 0
    connect("")
    assert call(client, inbox, body) == 404


def test_nonsense_is_kept_and_shown(connect: Connect, client: Client) -> None:
    inbox = connect("postmark")
    assert call(client, inbox, {"RecordType": "Delivery", "DeliveredAt": 7}) == 200
    take_payloads()
    assert ChannelPayload.objects.get().state == "failed"


# --- in ---------------------------------------------------------------------------------------------------------------


def test_mailgun_brings_the_raw_mail_into_the_ledger(connect: Connect, client: Client) -> None:
    inbox = connect("mailgun")
    raw = mail_of(subject="By route", Message_ID="<r1@halden.example>")
    form = {
        "recipient": inbox.address,
        "sender": "mette@halden.example",
        "body-mime": raw.decode(),
        **signed(),
    }
    for _twice in range(2):
        assert call(client, inbox, form, query="?inbound", content_type="multipart", auth="") == 200
    take_payloads()
    process_waiting_mail()
    assert (ChannelPayload.objects.filter(state="processed").count() >= 1, MailLedger.objects.count()) == (
        True,
        1,
    )
    row = MailLedger.objects.get()
    assert (row.state, row.source.split(":")[0], Ticket.objects.get().subject) == (
        "ticket",
        "provider",
        "By route",
    )


@pytest.mark.parametrize("provider", ["postmark", "mailjet"])
def test_what_a_provider_has_taken_apart_becomes_a_mail_again(
    connect: Connect, client: Client, provider: str
) -> None:
    inbox = connect(provider)
    if provider == "postmark":
        body: Any = {
            "FromFull": {"Email": "mette@halden.example", "Name": "Mette"}, "From": "mette@halden.example",
            "To": inbox.address, "Subject": "Taken apart", "TextBody": "Hello there", "HtmlBody": "",
            "MessageID": "73e6d360", "Date": "Sat, 21 Nov 2026 10:00:00 +0000", "Attachments": [],
            "Headers": [{"Name": "Message-ID", "Value": "<p1@halden.example>"}],
        }  # fmt: skip
    else:
        body = {
            "Sender": "mette@halden.example", "Recipient": inbox.address, "Date": "20261121T100000",
            "From": "Mette <mette@halden.example>", "Subject": "Taken apart", "Text-part": "Hello there",
            "Headers": {
                "From": ["Mette <mette@halden.example>"], "To": [inbox.address], "Subject": ["Taken apart"],
                "Message-ID": ["<p1@halden.example>"], "Content-Type": ["text/plain; charset=utf-8"],
            },
            "Parts": [{"Headers": {"Content-Type": "text/plain; charset=utf-8"}, "ContentRef": "Text-part"}],
        }  # fmt: skip
    assert call(client, inbox, body, query="?inbound") == 200
    take_payloads()
    assert ChannelPayload.objects.get().error == ""
    process_waiting_mail()
    row = MailLedger.objects.get()
    assert (row.state, row.sender) == ("ticket", "mette@halden.example")
    message = Message.objects.get()
    assert (message.subject, message.body_text.strip()) == ("Taken apart", "Hello there")


def test_a_call_that_is_too_large_is_refused(connect: Connect, client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("tickets.channels.email.adapter.EmailChannel.largest_call", 1_000)
    inbox = connect("postmark")
    assert call(client, inbox, {"x": "y" * 2_000}) == 413
