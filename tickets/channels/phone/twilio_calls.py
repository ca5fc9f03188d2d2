"""Calls at Twilio: what its requests tell, and what a call is to do.

https://www.twilio.com/docs/voice/twiml has the fields of a call,
https://www.twilio.com/docs/voice/api/call-resource its progress,
https://www.twilio.com/docs/voice/twiml/record recordings and transcripts, https://www.twilio.com/docs/voice/twiml/dial who rings.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

from django.utils import timezone

from customers.phone_numbers import e164
from tickets.channel import CallArrival, Connection, HookRequest, RemoteFile, Unreadable
from tickets.twilio import fields_of

_STATES = {
    "queued": "ringing",
    "initiated": "ringing",
    "ringing": "ringing",
    "in-progress": "answered",
    "completed": "ended",
    "busy": "missed",
    "no-answer": "missed",
    "canceled": "missed",
    "failed": "missed",
}
# By these Twilio says that the number was withheld; on a keypad they spell ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN.
_WITHHELD = frozenset({"+266696687", "+7378742833", "+86282452253", "+8656696", "+2562533"})
RING_SECONDS = 25
MESSAGE_SECONDS = 180


def step_of(request: HookRequest) -> str:
    """Return which of our own addresses was called: dialled, leg, voicemail, transcript, recording, or none."""
    return next(iter(parse_qs(request.query).get("step", [])), "")


def delivery_id(request: HookRequest) -> str:
    """Each step of a call is told once."""
    told = fields_of(request)
    if not told.get("CallSid"):
        return ""
    state = told.get("DialCallStatus") or told.get("CallStatus", "")
    last = told.get("TranscriptionSid") or told.get("RecordingSid", "")
    return ":".join([told["CallSid"], step_of(request), state, last])


def read_call(payload: HookRequest) -> list[CallArrival]:
    """Return the news of a request."""
    told, step = fields_of(payload), step_of(payload)
    if not told.get("CallSid"):
        raise Unreadable("CallSid is missing")
    at = _moment(told, payload)
    if told.get("ParentCallSid"):
        return _leg(told, at)
    direction, number, line = _ends(told)
    state, recording, seconds = "", None, _seconds(told.get("CallDuration"))
    is_kept = step not in {"over", "transcript"} and told.get("RecordingStatus", "completed") == "completed"
    if told.get("RecordingUrl") and is_kept:
        # Without an ending Twilio gives a file five times as large.
        recording = RemoteFile(f"{told['RecordingUrl']}.mp3", "recording.mp3", "audio/mpeg")
        state = "voicemail" if step == "voicemail" else ""
        seconds = _seconds(told.get("RecordingDuration")) if step == "voicemail" else None
    elif step == "dialled":
        state = "ended" if told.get("DialCallStatus") in {"completed", "answered"} else "missed"
        seconds = _seconds(told.get("DialCallDuration")) if state == "ended" else None
    elif step not in {"transcript", "voicemail", "over"} and not (
        step == "" and told.get("CallStatus") == "in-progress"
    ):
        state = _STATES.get(told.get("CallStatus", ""), "")
    return [
        CallArrival(
            call_id=told["CallSid"],
            state=state,
            occurred_at=at,
            direction=direction,
            number=number,
            line=line,
            caller_name=told.get("CallerName", ""),
            duration_seconds=seconds,
            recording=recording,
            transcript=told.get("TranscriptionText", ""),
        )
    ]


def instructions(connection: Connection, request: HookRequest) -> str:
    """Return what a call is to do: ring colleagues, then take a message; nothing, where we only hear of it."""
    told, step = fields_of(request), step_of(request)
    is_new = step == "" and told.get("Direction") == "inbound" and "CallbackSource" not in told
    if not connection.config.get("takes_calls") or told.get("ParentCallSid"):
        return "<Response/>"
    numbers = [line for line in connection.config.get("lines") or {} if line.startswith("+")]
    if is_new and told.get("CallStatus") == "ringing" and numbers:
        leg = quoteattr(f"{connection.hook_url}?step=leg")
        legs = "".join(
            f'<Number statusCallback={leg} statusCallbackEvent="ringing answered">{escape(one)}</Number>'
            for one in numbers
        )
        done = quoteattr(f"{connection.hook_url}?step=dialled")
        return f'<Response><Dial timeout="{RING_SECONDS}" action={done}>{legs}</Dial></Response>'
    if (is_new and told.get("CallStatus") == "ringing") or (
        step == "dialled" and told.get("DialCallStatus") not in {"completed", "answered"}
    ):
        return _take_message(connection)
    return "<Response/>"


def _take_message(connection: Connection) -> str:
    greeting = connection.config.get("greeting", "")
    kept = quoteattr(f"{connection.hook_url}?step=voicemail")
    written = quoteattr(f"{connection.hook_url}?step=transcript")
    return (
        f"<Response>{f'<Say>{escape(greeting)}</Say>' if greeting else ''}"
        f'<Record maxLength="{MESSAGE_SECONDS}" playBeep="true" recordingStatusCallback={kept} '
        f'transcribe="true" transcribeCallback={written} action={quoteattr(connection.hook_url + "?step=over")}/></Response>'
    )


def _leg(told: Mapping[str, str], at: datetime) -> list[CallArrival]:
    """The call to one of several colleagues: it tells who rings, and who has answered."""
    state = _STATES.get(told.get("CallStatus", ""), "")
    if state not in {"ringing", "answered"}:
        return []
    return [
        CallArrival(
            call_id=told["ParentCallSid"],
            state=state,
            occurred_at=at,
            agents=[told.get("To") or told.get("Called", "")],
        )
    ]


def _ends(told: Mapping[str, str]) -> tuple[str, str, str]:
    """(direction, the customer's number, ours)."""
    caller, called = told.get("From", ""), told.get("To", "")
    if told.get("Direction", "inbound").startswith("outbound"):
        return "outbound", _number(called), _number(caller)
    # Callbacks of recordings and transcripts leave it open.
    return ("inbound" if caller else ""), _number(caller), _number(called)


def _number(text: str) -> str:
    return "" if text in _WITHHELD else e164(text)


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 7 else None


def _moment(told: Mapping[str, str], payload: HookRequest) -> datetime:
    try:
        return parsedate_to_datetime(told["Timestamp"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return payload.received_at or timezone.now()
