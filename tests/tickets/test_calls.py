"""Calls through their doors: Twilio's and others' webhooks, screens, missed calls, recordings, notes, erasure.

Twilio's requests are written after https://www.twilio.com/docs/voice/twiml, https://www.twilio.com/docs/voice/api/call-resource
and https://www.twilio.com/docs/voice/twiml/record: documented, not recorded.
"""

import contextlib
import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from core.models import Event
from customers.models import Contact
from customers.services.save_contact import add_identity
from people.models import Team, User
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.calls import call_list, calls_on_screen
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.phone.adapter import PhoneChannel
from tickets.channels.phone.cti import sign
from tickets.connections import hook_url
from tickets.models import Call, ChannelPayload, Inbox, Message, Ticket
from tickets.personal_data import TicketData
from tickets.phone_lines import dial_url
from tickets.services.log_call import log_call
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads
from tickets.services.write_up_call import claim_call, write_up_call
from tickets.twilio import TwilioApi, signature_of

pytestmark = pytest.mark.django_db

ACCOUNT = "AC" + "0" * 32
SECRET = "a secret of more than twenty letters"
OURS, THEIRS = "+4930901820", "+4915112345678"
# The call to one of the colleagues, as Twilio tells of it.
LEG = {
    "CallSid": "CA2", "ParentCallSid": "CA1", "From": OURS, "To": "+493022222222", "Direction": "outbound-dial",
}  # fmt: skip


@pytest.fixture
def cti(admin: User, team: Team, agent: User) -> Inbox:
    """An inbox of some telephone system; 201 is the agent's extension."""
    return save_inbox(
        name="Switchboard", channel="phone", default_team=team, by=admin.as_viewer(),
        settings={"system": "cti", "signing_secret": SECRET, "lines": {"201": agent.email}, "dial_url": ""},
    )  # fmt: skip


@pytest.fixture
def twilio_inbox(admin: User, agent: User) -> Inbox:
    """An inbox of Twilio that takes calls; the agent is rung at a number."""
    return save_inbox(
        name="Twilio", channel="phone", default_team=None, by=admin.as_viewer(),
        settings={
            "system": "twilio", "account_sid": ACCOUNT, "auth_token": "tw", "takes_calls": True,
            "greeting": "Leave a <message>", "lines": {"+493022222222": agent.email}, "dial_url": "",
        },
    )  # fmt: skip


@pytest.fixture
def twilio(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """Twilio on this machine."""
    with running_provider(settings) as provider:
        monkeypatch.setattr(TwilioApi, "url", provider.url)
        yield provider


_ids = itertools.count(1)


def tell(inbox: Inbox, event: str, call: str = "c1", secret: str = SECRET, **more: Any) -> int:
    """The telephone system calls us; returns the status."""
    told = {"call": call, "event": event, "direction": "inbound", "from": THEIRS, "to": OURS} | more
    body = json.dumps(told).encode()
    sent_at, name = int(timezone.now().timestamp()), f"n{next(_ids)}"
    answer = Client().post(
        "/" + hook_url(inbox).partition("://")[2].partition("/")[2],
        body,
        content_type="application/json",
        headers={
            "webhook-id": name,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": sign(secret, name, sent_at, body),
        },
    )
    take_payloads()
    return answer.status_code


def twilio_tells(inbox: Inbox, step: str = "", **fields: str) -> str:
    """Twilio calls us; returns what it is answered."""
    url = hook_url(inbox) + (f"?step={step}" if step else "")
    body = urlencode({"CallSid": "CA1", "From": THEIRS, "To": OURS, "Direction": "inbound"} | fields)
    answer = Client().post(
        "/" + url.partition("://")[2].partition("/")[2],
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature_of("tw", url, body.encode())},
    )
    assert answer.status_code == 200
    take_payloads()
    return answer.content.decode()


def test_a_ringing_call_is_on_the_screen_of_whose_line_rings(
    cti: Inbox, agent: User, lead_user: User, contact: Contact, admin: User
) -> None:
    add_identity(contact=contact, kind="phone", value=THEIRS, by=admin.as_viewer())
    assert tell(cti, "ringing", agents=["201"]) == 200
    call = Call.objects.get()
    assert (call.contact, call.rung, call.state) == (contact, [agent.pk], "ringing")
    assert calls_on_screen(agent.as_viewer()) == [call]
    assert calls_on_screen(lead_user.as_viewer()) == []
    told = Event.objects.filter(verb="tickets.call_changed")
    assert [(one.subject_kind, one.subject_id) for one in told] == [("user", agent.pk)]


def test_without_a_line_everybody_of_the_team_who_is_free_is_told(
    cti: Inbox, agent: User, lead_user: User
) -> None:
    tell(cti, "ringing")
    assert Call.objects.get().rung == [agent.pk]
    User.objects.filter(pk=agent.pk).update(availability=User.Availability.AWAY)
    tell(cti, "ringing", call="c2")
    assert Call.objects.get(provider_id="c2").rung == []


def test_who_answers_has_the_call_and_writes_up_what_came_of_it(
    cti: Inbox, agent: User, lead_user: User
) -> None:
    tell(cti, "ringing", agents=["201", lead_user.email])
    tell(cti, "answered", agents=["201"])
    assert calls_on_screen(lead_user.as_viewer()) == []
    tell(cti, "ended", duration=192)
    [call] = calls_on_screen(agent.as_viewer())
    assert (call.state, call.agent, call.duration_seconds) == ("ended", agent, 192)
    write_up_call(call=call, note="Wants a new key.", outcome="follow_up", opens=True, by=agent.as_viewer())
    assert calls_on_screen(agent.as_viewer()) == []
    ticket = Ticket.objects.get()
    call.refresh_from_db()
    assert (call.ticket, ticket.channel, call.outcome) == (ticket, "phone", "follow_up")
    assert "3:12" in ticket.subject
    assert "Wants a new key." in ticket.messages.get(kind="note").body_text
    assert Event.objects.filter(verb="tickets.call_linked", ticket_id=ticket.pk).count() == 1


def test_a_missed_call_is_a_ticket_and_the_next_one_joins_it(cti: Inbox) -> None:
    for name in ("c1", "c2"):
        tell(cti, "ringing", call=name)
        tell(cti, "missed", call=name)
        tell(cti, "missed", call=name)
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.messages.count()) == ("Missed call from +49 1511 2345678", 2)
    assert ticket.waiting_since is not None
    assert {call.ticket_id for call in Call.objects.all()} == {ticket.pk}


def test_a_missed_call_without_a_number_is_in_the_log_alone(cti: Inbox) -> None:
    tell(cti, "missed", **{"from": "anonymous"})
    assert (Call.objects.get().number, Ticket.objects.count()) == ("", 0)


def test_a_voicemail_joins_its_missed_call_with_recording_and_transcript(cti: Inbox, settings: Any) -> None:
    with running_provider(settings) as store:
        store.on("/r/1.mp3", Reply(b"ID3 sound", headers={"content-type": "audio/mpeg"}))
        tell(cti, "missed")
        tell(cti, "voicemail", recording_url=f"{store.url}/r/1.mp3", duration=23)
        tell(cti, "transcript", transcript="Please call me back.")
    message = Message.objects.get()
    assert message.body_text == "Voicemail from +49 1511 2345678, 0:23.\n\nPlease call me back."
    assert message.attachments.get().size == 9
    call = Call.objects.get()
    assert (call.state, call.recording_type, call.transcript) == (
        "voicemail",
        "audio/mpeg",
        "Please call me back.",
    )


@pytest.mark.parametrize("seed", range(6))
def test_news_in_any_order_and_twice_lead_to_the_same(cti: Inbox, agent: User, seed: int) -> None:
    news: list[tuple[str, str, dict[str, Any]]] = [
        ("a", "ringing", {"at": "2026-03-02T10:00:00Z", "agents": ["201"]}),
        ("a", "answered", {"at": "2026-03-02T10:00:10Z", "agents": ["201"]}),
        ("a", "ended", {"at": "2026-03-02T10:01:10Z"}),
        ("b", "ringing", {"at": "2026-03-02T11:00:00Z"}),
        ("b", "missed", {"at": "2026-03-02T11:00:20Z"}),
        ("b", "ended", {"at": "2026-03-02T11:00:20Z"}),
    ] * 2  # fmt: skip
    random.Random(seed).shuffle(news)
    for call, event, more in news:
        tell(cti, event, call=call, **more)
    one, two = Call.objects.order_by("provider_id")
    assert (one.state, one.agent, one.duration_seconds) == ("ended", agent, 60)
    assert (two.state, two.answered_at, Message.objects.count()) == ("missed", None, 1)
    assert Event.objects.filter(verb="tickets.call_ended").count() == 2


def test_a_stranger_is_refused(cti: Inbox) -> None:
    assert tell(cti, "ringing", secret="guess" * 5) == 403
    assert ChannelPayload.objects.count() == 0


def test_twilio_rings_colleagues_then_takes_a_message(
    twilio_inbox: Inbox, twilio: FakeProvider, agent: User
) -> None:
    said = twilio_tells(twilio_inbox, CallStatus="ringing")
    assert "<Dial" in said
    assert ">+493022222222</Number>" in said
    twilio_tells(twilio_inbox, "leg", **LEG, CallStatus="ringing")
    assert [one.provider_id for one in calls_on_screen(agent.as_viewer())] == ["CA1"]
    said = twilio_tells(twilio_inbox, "dialled", CallStatus="in-progress", DialCallStatus="no-answer")
    assert "<Say>Leave a &lt;message&gt;</Say><Record " in said
    call = Call.objects.get()
    assert (call.state, Ticket.objects.count()) == ("missed", 1)
    twilio.on("/rec/RE1.mp3", Reply(b"ID3", headers={"content-type": "audio/mpeg"}))
    recording = {"RecordingSid": "RE1", "RecordingUrl": f"{twilio.url}/rec/RE1", "RecordingDuration": "7"}
    twilio_tells(twilio_inbox, "voicemail", RecordingStatus="completed", **recording)
    twilio_tells(
        twilio_inbox, "transcript", TranscriptionSid="TR1", TranscriptionText="It is me", **recording
    )
    twilio_tells(
        twilio_inbox, CallStatus="completed", CallDuration="40", CallbackSource="call-progress-events"
    )
    call.refresh_from_db()
    assert (call.state, call.transcript, call.recording_size) == ("voicemail", "It is me", 3)
    assert twilio.asked[0].headers["authorization"].startswith("Basic ")
    assert Message.objects.get().attachments.count() == 1


def test_twilio_tells_who_has_answered(twilio_inbox: Inbox, agent: User) -> None:
    twilio_tells(twilio_inbox, CallStatus="ringing")
    twilio_tells(twilio_inbox, "leg", **LEG, CallStatus="in-progress")
    said = twilio_tells(
        twilio_inbox, "dialled", CallStatus="in-progress", DialCallStatus="completed", DialCallDuration="65"
    )
    assert said == "<Response/>"
    twilio_tells(
        twilio_inbox, CallStatus="completed", CallDuration="70", CallbackSource="call-progress-events"
    )
    call = Call.objects.get()
    assert (call.state, call.agent, Ticket.objects.count()) == ("ended", agent, 0)


def test_a_call_is_taken_once(cti: Inbox, agent: User, lead_user: User) -> None:
    tell(cti, "ringing", agents=["201", lead_user.email])
    call = Call.objects.get()
    claim_call(call=call, by=agent.as_viewer())
    with pytest.raises(ValidationError, match="Priya Raman has taken"):
        claim_call(call=call, by=lead_user.as_viewer())
    assert calls_on_screen(lead_user.as_viewer()) == []


def test_a_call_that_nobody_told_of_is_written_down(agent: User, ticket: Ticket) -> None:
    call = log_call(
        direction="outbound", ticket=ticket, number="+49 151 12345678", duration_seconds=75, note="Key is on its way.",
        outcome="solved", by=agent.as_viewer(),
    )  # fmt: skip
    assert (call.contact, call.agent, call.number, call.state) == (ticket.contact, agent, THEIRS, "ended")
    assert "1:15" in ticket.messages.get(kind="note").body_text


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("number", {"number": "soon"}),
        ("number", {}),
        ("direction", {"direction": "sideways", "number": THEIRS}),
        ("duration_seconds", {"number": THEIRS, "duration_seconds": 10**6}),
        ("outcome", {"number": THEIRS, "outcome": "tea"}),
    ],
)
def test_what_is_wrong_is_named(agent: User, field: str, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        log_call(**{"direction": "inbound"} | more, by=agent.as_viewer())
    assert field in refusal.value.message_dict


def test_calls_of_private_teams_stay_there(
    cti: Inbox, private_team: Team, lawyer: User, agent: User, csm: User
) -> None:
    Inbox.objects.filter(pk=cti.pk).update(default_team=private_team)
    tell(cti, "ringing")
    tell(cti, "missed", call="c2")
    assert call_list(lawyer.as_viewer()).count() == 2
    assert call_list(agent.as_viewer()).count() == 0
    with pytest.raises(Call.DoesNotExist):
        write_up_call(call=Call.objects.first(), note="x", by=csm.as_viewer())  # type: ignore[arg-type]


def test_a_person_is_told_of_its_calls_and_forgotten(cti: Inbox, agent: User, settings: Any) -> None:
    with running_provider(settings) as store:
        store.on("/r.mp3", Reply(b"ID3", headers={"content-type": "audio/mpeg"}))
        tell(cti, "voicemail", recording_url=f"{store.url}/r.mp3", name="Rosa", transcript="Hello")
    call = Call.objects.get()
    ids = [call.contact_id or 0]
    [told] = TicketData().export(ids)["calls"]
    assert (told["number"], told["transcript"]) == (THEIRS, "Hello")
    assert any(name.startswith("files/calls/") for name, _content in TicketData().files(ids))
    assert TicketData().erase(ids)["calls"] == 1
    call.refresh_from_db()
    assert (call.number, call.transcript, call.recording_key, call.caller_name) == ("", "", "", "")


def test_a_number_is_dialled_as_the_inbox_says(cti: Inbox, admin: User) -> None:
    assert dial_url(THEIRS) == f"tel:{THEIRS}"
    assert dial_url("4711") == ""
    save_inbox(
        name="Switchboard", inbox=cti, default_team=None, by=admin.as_viewer(),
        settings={"system": "cti", "lines": {}, "dial_url": "https://pbx.example/dial?n={number}"},
    )  # fmt: skip
    assert dial_url(THEIRS) == "https://pbx.example/dial?n=%2B4915112345678"


def test_the_settings_name_what_is_wrong(admin: User, login: Callable[[User], Client]) -> None:
    browser = login(admin)
    wrong = {"name": "P", "system": "cti", "signing_secret": "short"}
    for more, words in [
        ({}, "At least 20"),
        ({"lines": "201 priya"}, "is not of the form"),
        ({"dial_url": "javascript:{number}"}, "Begin with tel:"),
        ({"system": "twilio"}, "This is required"),
    ]:
        answer = browser.post("/settings/inboxes/new/phone/", wrong | more)
        assert (answer.status_code, words in answer.content.decode()) == (422, True), words
    right = wrong | {
        "signing_secret": SECRET,
        "lines": "201 = priya@desk.example\n+49 30 22222222=olav@desk.example",
    }
    assert browser.post("/settings/inboxes/new/phone/", right).status_code == 302
    inbox = Inbox.objects.get(channel="phone")
    assert inbox.config["lines"] == {"201": "priya@desk.example", "+493022222222": "olav@desk.example"}
    shown = browser.get(f"/settings/inboxes/{inbox.pk}/").content.decode()
    assert ("201 = priya@desk.example" in shown, SECRET in shown) == (True, False)


_WORDS = st.text(max_size=6) | st.sampled_from(
    ["inbound", "ringing", "recording", THEIRS, "2026-03-02T10:00:00Z"]
)


@limits(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["call", "event", "direction", "from", "to", "at", "agents", "duration", "recording_url"]
        ),
        _WORDS | st.none() | st.floats() | st.lists(_WORDS, max_size=2),
    )
)
def test_no_json_breaks_the_reading(told: dict[str, Any]) -> None:
    connection = Connection(1, "x", {"system": "cti"})
    with contextlib.suppress(Unreadable):
        PhoneChannel().read(connection, HookRequest(body=json.dumps(told).encode()))


@limits(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["CallSid", "CallStatus", "From", "To", "Direction", "Timestamp", "RecordingUrl", "ParentCallSid"]
        ),
        _WORDS,
    )
)
def test_no_form_breaks_the_reading(told: dict[str, str]) -> None:
    connection = Connection(1, "x", {"system": "twilio"})
    body = urlencode({name: value.encode("utf-8", "replace") for name, value in told.items()}).encode()
    with contextlib.suppress(Unreadable):
        PhoneChannel().read(connection, HookRequest(body=body))
