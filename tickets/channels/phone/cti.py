"""Calls that any other telephone system tells of: signed JSON, described in docs/channels/phone.md."""

import base64
import binascii
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from core.webhook_signatures import signed_headers
from customers.phone_numbers import e164
from tickets.channel import CallArrival, Connection, HookRequest, RefusedCall, RemoteFile, Unreadable

OLDEST_SECONDS = 300
_STATES = frozenset({"ringing", "answered", "missed", "voicemail", "ended"})
# News that come after the end and change no state.
_AFTERWARDS = frozenset({"recording", "transcript"})
MOST_AGENTS = 50


def verify_call(connection: Connection, request: HookRequest) -> None:
    """Raise RefusedCall unless the headers of Standard Webhooks sign the body with the inbox's secret."""
    secret = connection.secrets.get("signing_secret", "")
    sent_at = request.headers.get("webhook-timestamp", "")
    if not secret or not sent_at.isdecimal() or len(sent_at) > 12:
        raise RefusedCall("there is no secret or no time")
    if abs(timezone.now().timestamp() - int(sent_at)) > OLDEST_SECONDS:
        raise RefusedCall("the call is too old, or a clock is wrong")
    wanted = sign(secret, request.headers.get("webhook-id", ""), int(sent_at), request.body)
    given = request.headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given):
        raise RefusedCall("the signature does not fit")


def sign(secret: str, message_id: str, sent_at: int, body: bytes) -> str:
    """Return the signature of a body as Standard Webhooks has it."""
    at = datetime.fromtimestamp(sent_at, UTC)
    return signed_headers(key=_key(secret), message_id=message_id, at=at, body=body)["webhook-signature"]


def read_call(payload: HookRequest) -> list[CallArrival]:
    """Return the news of one call. Raises Unreadable naming what is missing."""
    told = _object(payload.body)
    call_id, event = _text(told, "call"), _text(told, "event")
    if not call_id:
        raise Unreadable("“call” is missing: the id of the call in your telephone system")
    if event not in _STATES | _AFTERWARDS:
        raise Unreadable(f"“event” must be one of {', '.join(sorted(_STATES | _AFTERWARDS))}")
    direction = _text(told, "direction")
    if direction not in {"", "inbound", "outbound"}:
        raise Unreadable("“direction” must be inbound or outbound")
    caller, called = _text(told, "from"), _text(told, "to")
    theirs, ours = (called, caller) if direction == "outbound" else (caller, called)
    agents = told.get("agents")
    return [
        CallArrival(
            call_id=call_id,
            state=event if event in _STATES else "",
            occurred_at=_moment(told, payload),
            direction=direction,
            number=e164(theirs),
            line=e164(ours) or ours,
            caller_name=_text(told, "name"),
            agents=[str(one) for one in agents[:MOST_AGENTS]] if isinstance(agents, list) else [],
            duration_seconds=_seconds(told),
            recording=_recording(told),
            transcript=_text(told, "transcript"),
        )
    ]


def _key(secret: str) -> bytes:
    """A secret of Standard Webhooks is base64 after its mark; any other is taken as it is."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(told, dict):
        raise Unreadable("an object is expected")
    return told


def _text(told: dict[str, Any], name: str) -> str:
    found = told.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found).strip()


def _moment(told: dict[str, Any], payload: HookRequest) -> datetime:
    written = _text(told, "at")
    if not written:
        return payload.received_at or timezone.now()
    try:
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable("“at” must be a time such as 2026-03-02T10:00:00Z") from error


def _seconds(told: dict[str, Any]) -> int | None:
    found = told.get("duration")
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return int(found) if is_number and 0 <= found < 1_000_000 else None  # type: ignore[operator, arg-type]


def _recording(told: dict[str, Any]) -> RemoteFile | None:
    url = _text(told, "recording_url")
    if not url:
        return None
    try:
        name = urlsplit(url).path.rpartition("/")[2]
    except ValueError as error:
        raise Unreadable("“recording_url” is no address") from error
    return RemoteFile(url, name[:120] or "recording", "audio/mpeg")
