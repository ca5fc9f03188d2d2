"""Text messages through their doors: Twilio's calls, pictures, words of consent, answers and what became of them.

The calls are written after https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status: documented, not recorded.
"""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from core.models import Outbound
from core.outbox import send_due
from customers.models import ConsentEvent, Contact, ContactIdentity
from customers.services.merge_contacts import merge_contacts
from customers.services.save_contact import add_identity
from people.models import User
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.sms.adapter import SmsChannel
from tickets.connections import hook_url
from tickets.models import ChannelHealth, ChannelPayload, Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox, try_inbox
from tickets.services.take_payload import take_payloads
from tickets.twilio import TwilioApi, signature_of

pytestmark = pytest.mark.django_db

ACCOUNT = "AC" + "0" * 32
TOKEN = "tw-secret"
OURS, THEIRS = "+4930901820", "+4915112345678"
SEND = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SETTINGS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "number": OURS, "messaging_service_sid": ""}


@pytest.fixture
def twilio(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """Twilio on this machine."""
    with running_provider(settings) as provider:
        monkeypatch.setattr(TwilioApi, "url", provider.url)
        provider.on(SEND, Reply({"sid": "SM1", "status": "queued"}, 201))
        yield provider


@pytest.fixture
def sms(admin: User) -> Inbox:
    """An inbox of text messages."""
    return save_inbox(name="Texts", channel="sms", default_team=None, settings=SETTINGS, by=admin.as_viewer())


def call(inbox: Inbox, token: str = TOKEN, **fields: str) -> int:
    """Twilio calls; returns the status."""
    body = urlencode(fields)
    url = hook_url(inbox)
    answer = Client().post(
        "/" + url.partition("://")[2].partition("/")[2],
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature_of(token, url, body.encode())},
    )
    return answer.status_code


def text(inbox: Inbox, body: str, sid: str = "SM100", **more: str) -> None:
    """A customer writes."""
    fields = {
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": THEIRS,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
    }
    assert call(inbox, **(fields | more)) == 200
    take_payloads()


def answer(ticket: Ticket, agent: User, body: str = "On our way.") -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=ticket, body=body, by=agent.as_viewer())
    send_due()
    written.refresh_from_db()
    return written


def test_the_signature_is_the_documented_one() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
        "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature_of("12345", url, urlencode(fields).encode()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_text_becomes_a_ticket_of_the_number_and_the_answer_goes_back(
    sms: Inbox, twilio: FakeProvider, agent: User
) -> None:
    text(sms, "My key does not open the door.")
    text(sms, "Hello?", sid="SM101")
    ticket = Ticket.objects.get()
    assert (ticket.channel, ticket.messages.count()) == ("sms", 2)
    assert ContactIdentity.objects.get(contact=ticket.contact).value == THEIRS
    written = answer(ticket, agent)
    [asked] = twilio.asked
    assert asked.form == {
        "To": [THEIRS], "From": [OURS], "Body": ["On our way."], "StatusCallback": [hook_url(sms)],
    }  # fmt: skip
    assert (
        base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
        == f"{ACCOUNT}:{TOKEN}".encode()
    )
    assert written.delivery == "sent"
    for status in ("sent", "delivered", "sent"):
        assert call(sms, MessageSid="SM1", MessageStatus=status, From=OURS, To=THEIRS) == 200
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "delivered"


def test_somebody_known_by_its_number_is_recognised(sms: Inbox, contact: Contact, admin: User) -> None:
    add_identity(contact=contact, kind="phone", value="+49 151 1234-5678", by=admin.as_viewer())
    text(sms, "It is me.")
    assert Ticket.objects.get().contact == contact
    with pytest.raises(ValidationError, match="no telephone number"):
        add_identity(contact=contact, kind="phone", value="soon", by=admin.as_viewer())


def test_who_does_not_know_the_token_is_refused(sms: Inbox) -> None:
    assert call(sms, token="guess", MessageSid="SM1", From=THEIRS, Body="x") == 403
    assert ChannelPayload.objects.count() == 0
    assert ChannelHealth.objects.get(inbox=sms).refused_calls == 1


def test_a_repeated_call_is_one_message(sms: Inbox) -> None:
    for _again in range(3):
        text(sms, "Once")
    assert Message.objects.count() == 1


def test_pictures_are_fetched_over_the_redirect_and_only_twilio_sees_the_token(
    sms: Inbox, twilio: FakeProvider, settings: Any
) -> None:
    with running_provider(settings) as store:
        store.on("/pictures/1", Reply(b"\x89PNG", headers={"content-type": "image/png"}))
        twilio.on("/media/ME1", Reply(b"", 307, {"location": f"{store.url}/pictures/1"}))
        url = f"{twilio.url}/media/ME1"
        text(sms, "See", NumMedia="1", MediaUrl0=url, MediaContentType0="image/png")
        assert "authorization" in twilio.asked[0].headers
        assert "authorization" not in store.asked[0].headers
    found = Message.objects.get().attachments.get()
    assert (found.name, found.content_type, found.size) == ("media-1.png", "image/png", 4)


@pytest.mark.parametrize("word", ["STOP", "stop.", " Unsubscribe "])
def test_stop_is_kept_as_consent_and_answers_are_refused(
    sms: Inbox, twilio: FakeProvider, agent: User, word: str
) -> None:
    text(sms, "Where are you?")
    text(sms, word, sid="SM2")
    ticket = Ticket.objects.get()
    held = ConsentEvent.objects.get(contact=ticket.contact)
    assert (held.channel, held.topic, held.status) == ("sms", "service", "withdrawn")
    assert ticket.messages.get(external_id__endswith="SM2").is_automatic
    with pytest.raises(ValidationError, match="stopped messages"):
        answer(ticket, agent)
    text(sms, "START", sid="SM3")
    assert answer(ticket, agent).delivery == "sent"
    assert len(twilio.asked) == 1


def test_a_stop_counts_for_tickets_of_who_was_merged(sms: Inbox, twilio: FakeProvider, admin: User) -> None:
    text(sms, "Where are you?")
    ticket = Ticket.objects.get()
    target = Contact.objects.create(name="Rosa")
    merge_contacts(source=ticket.contact, target=target, by=admin.as_viewer())
    text(sms, "STOP", sid="SM2")
    ticket.refresh_from_db()
    assert ConsentEvent.objects.get().contact == target
    with pytest.raises(ValidationError, match="stopped messages"):
        answer(ticket, admin)


def test_what_was_written_before_the_stop_is_held_back(sms: Inbox, twilio: FakeProvider, agent: User) -> None:
    text(sms, "Where are you?")
    written = reply_to_ticket(ticket=Ticket.objects.get(), body="Soon", by=agent.as_viewer())
    text(sms, "STOP", sid="SM2")
    send_due()
    written.refresh_from_db()
    assert (written.delivery, twilio.asked) == ("failed", [])
    assert "stopped messages" in written.delivery_detail


def test_a_stop_of_a_stranger_opens_no_ticket_and_a_yes_is_an_answer(sms: Inbox) -> None:
    text(sms, "STOP")
    assert (Ticket.objects.count(), ConsentEvent.objects.count()) == (0, 1)
    text(sms, "Yes", sid="SM2", From="+4915199999999")
    assert Ticket.objects.get().waiting_since is not None
    assert ConsentEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("reply", "delivery", "words"),
    [
        (Reply({"code": 21211, "message": "Invalid To"}, 400), "failed", "Invalid To 21211"),
        (Reply({"code": 20003, "message": "Authenticate"}, 401), "queued", "Authenticate"),
        (Reply({"code": 20429, "message": "Too many"}, 429, {"retry-after": "120"}), "queued", "Too many"),
        (Reply({"code": 20503, "message": "Unavailable"}, 503), "queued", "Unavailable"),
        # https://www.twilio.com/docs/api/errors/20500: a repetition may reach the customer a second time.
        (Reply({"code": 20500, "message": "Internal Server Error"}, 500), "uncertain", "500"),
        (Reply({"code": 20504, "message": "Timeout"}, 504), "uncertain", "504"),
    ],
)
def test_what_twilio_refuses_is_told(
    sms: Inbox, twilio: FakeProvider, agent: User, reply: Reply, delivery: str, words: str
) -> None:
    text(sms, "Help")
    twilio.on(SEND, reply)
    assert answer(Ticket.objects.get(), agent).delivery == delivery
    assert words in Outbound.objects.get().last_error


def test_what_could_not_be_delivered_names_the_reason(sms: Inbox, twilio: FakeProvider, agent: User) -> None:
    text(sms, "Help")
    written = answer(Ticket.objects.get(), agent)
    call(sms, MessageSid="SM1", MessageStatus="undelivered", ErrorCode="30005")
    take_payloads()
    written.refresh_from_db()
    assert (written.delivery, written.delivery_detail) == ("failed", "The number does not exist. (30005)")


def test_the_connection_is_tried(sms: Inbox, twilio: FakeProvider, admin: User) -> None:
    base = f"/2010-04-01/Accounts/{ACCOUNT}"
    twilio.on(f"{base}.json", Reply({"friendly_name": "Halden", "status": "active"}))
    twilio.on(f"{base}/IncomingPhoneNumbers.json", Reply({"incoming_phone_numbers": [{"sid": "PN1"}]}))
    found = try_inbox(channel="sms", settings=SETTINGS, by=admin.as_viewer())
    assert (found.works, found.words) == (True, "Twilio account “Halden” (active)")
    twilio.on(f"{base}/IncomingPhoneNumbers.json", Reply({"incoming_phone_numbers": []}))
    assert not try_inbox(channel="sms", settings=SETTINGS, by=admin.as_viewer()).works
    twilio.on(f"{base}.json", Reply({"message": "Authenticate", "code": 20003}, 401))
    assert "Authenticate" in try_inbox(channel="sms", settings=SETTINGS, by=admin.as_viewer()).words


@pytest.mark.parametrize(
    ("field", "value"), [("number", "12"), ("number", ""), ("messaging_service_sid", "XX1")]
)
def test_settings_name_the_field(admin: User, field: str, value: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        save_inbox(
            name="T",
            channel="sms",
            default_team=None,
            settings=SETTINGS | {field: value},
            by=admin.as_viewer(),
        )
    assert field in refusal.value.message_dict


def test_the_token_is_never_shown(sms: Inbox, admin: User, login: Any) -> None:
    shown = login(admin).get(f"/settings/inboxes/{sms.pk}/").content.decode()
    assert (OURS in shown, TOKEN in shown) == (True, False)
    sms.refresh_from_db()
    assert TOKEN not in sms.sealed_secrets


@limits(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["MessageSid", "From", "To", "Body", "NumMedia", "MessageStatus", "MediaUrl0"]),
        st.text(),
    )
)
def test_no_call_breaks_the_reading(fields: dict[str, str]) -> None:
    body = urlencode({name: value.encode("utf-8", "replace") for name, value in fields.items()}).encode()
    connection = Connection(1, "x", {"number": OURS})
    try:
        found = SmsChannel().read(connection, HookRequest(body=body))
    except Unreadable:
        return
    assert len(found) <= 2
