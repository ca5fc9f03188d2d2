"""Reads the calendar invitations of a mail (RFC 5545, RFC 5546), as far as a card in the conversation shows them.

Runs in the parser's child process. The .ics stays a file of the mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from tickets.channels.email.header_values import clean_address, one_line

MAX_BYTES = 200_000
MAX_EVENTS = 5
_METHODS = ("REQUEST", "REPLY", "CANCEL", "PUBLISH", "COUNTER", "ADD", "REFRESH", "DECLINECOUNTER")


@dataclass(frozen=True, slots=True)
class Invitation:
    """One event. ``method`` is REQUEST, REPLY, CANCEL, …, in capitals. ``starts`` and ``ends`` are ISO 8601: a moment in UTC, a
    moment without offset (it means the reader's own clock) or, of an event of whole days, a date; ``ends`` may be empty.
    ``answer`` is what a REPLY says (ACCEPTED, DECLINED, TENTATIVE)."""

    method: str
    uid: str
    title: str
    starts: str
    ends: str
    place: str
    organiser: str
    organiser_address: str
    attendees: int
    repeats: bool
    answer: str


def read_invitations(content: bytes) -> list[Invitation]:
    """The events of a calendar file, the first few; none of one that is damaged or large."""
    if len(content) > MAX_BYTES:
        return []
    # Loaded for the few mails that have one: it takes half a second.
    import icalendar

    try:
        calendar = icalendar.Calendar.from_ical(content)
        if not isinstance(calendar, icalendar.Calendar):
            return []
        method = str(calendar.get("METHOD", "")).upper()
        events = calendar.walk("VEVENT")[:MAX_EVENTS]
        found = [_read(event, method if method in _METHODS else "PUBLISH") for event in events]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, LookupError):
        return []
    return [one for one in found if one is not None]


def _read(event: Any, method: str) -> Invitation | None:
    starts = _moment(event, "DTSTART")
    if not starts:
        return None
    ends = _moment(event, "DTEND")
    if not ends and "DURATION" in event and "T" in starts:
        ends = (datetime.fromisoformat(starts) + event.decoded("DURATION")).isoformat()
    organiser = event.get("ORGANIZER")
    attendees = event.get("ATTENDEE", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    answers = {str(one.params.get("PARTSTAT", "")).upper() for one in attendees if hasattr(one, "params")}
    return Invitation(
        method=method,
        uid=one_line(str(event.get("UID", "")), 200),
        title=one_line(str(event.get("SUMMARY", "")), 200),
        starts=starts,
        ends=ends,
        place=one_line(str(event.get("LOCATION", "")), 200),
        organiser=one_line(str(organiser.params.get("CN", "")), 120) if hasattr(organiser, "params") else "",
        organiser_address=clean_address(str(organiser)) if organiser is not None else "",
        attendees=len(attendees),
        repeats="RRULE" in event,
        answer=answers.pop() if method == "REPLY" and len(answers) == 1 else "",
    )


def _moment(event: Any, name: str) -> str:
    """A date or date-time as text, with its offset turned to UTC; empty where there is none."""
    if name not in event:
        return ""
    value = event.decoded(name)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo is not None else value).isoformat(timespec="minutes")
    return value.isoformat() if isinstance(value, date) else ""
