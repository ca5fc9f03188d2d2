"""Reads of calls: the log, those on somebody's screen, those of a contact, and their recordings."""

import mimetypes
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.phone_numbers import e164
from people.viewer import Viewer
from tickets.models import Call, Status, Ticket
from tickets.models.call import CallQuerySet
from tickets.stored_files import read_file

# A call of which the end is never told leaves the screens after this.
LONGEST_ON_SCREEN = timedelta(hours=4)
# So long one's own call stays on the screen after its end, to be written up.
WRITE_UP = timedelta(minutes=30)


def call_list(viewer: Viewer, asked: Mapping[str, str] | None = None) -> CallQuerySet:
    """Return the visible calls, newest first. ``asked`` may have direction, state, agent ("me" or an id), number (or a part of
    it), contact and ticket (ids); what is no id finds nothing."""
    asked = asked or {}
    rows = Call.objects.visible_to(viewer).select_related("contact__account", "agent", "ticket", "inbox")
    for name in ("direction", "state"):
        if asked.get(name):
            rows = rows.filter(**{name: asked[name]})
    if asked.get("agent") == "me":
        rows = rows.filter(agent_id=viewer.user_id or 0)
    elif asked.get("agent"):
        rows = rows.filter(agent_id=_id(asked["agent"]))
    for name in ("contact", "ticket"):
        if asked.get(name):
            rows = rows.filter(**{f"{name}_id": _id(asked[name])})
    if asked.get("ticket"):
        rows = rows.filter(ticket__in=Ticket.objects.visible_to(viewer))
    typed = asked.get("number", "").strip()
    if typed:
        digits = "".join(one for one in typed if one.isdecimal())
        found = Q(number=e164(typed) or typed)
        rows = rows.filter(found | Q(number__contains=digits) if len(digits) >= 3 else found)
    return rows.order_by("-started_at", "-pk")


def calls_on_screen(viewer: Viewer) -> list[Call]:
    """Return the calls that concern a person now, newest first: those that ring, the one being talked on, and one's own that is
    over and not written up."""
    now = timezone.now()
    if viewer.user_id is None:
        return []
    rows = (
        Call.objects.visible_to(viewer)
        .filter(wrapped_at=None, started_at__gt=now - LONGEST_ON_SCREEN)
        .exclude(state__in=[Call.State.MISSED, Call.State.VOICEMAIL])
        .select_related("contact__account", "agent", "ticket", "inbox")
        .order_by("-started_at")[:20]
    )
    return [one for one in rows if _concerns(one, viewer.user_id)][:3]


def _concerns(call: Call, user_id: int) -> bool:
    if call.agent_id is not None and call.agent_id != user_id:
        return False
    if call.state == Call.State.ENDED:
        return call.agent_id == user_id and timezone.now() - (call.ended_at or call.started_at) < WRITE_UP
    return user_id in call.rung or call.agent_id == user_id


def open_tickets_of(viewer: Viewer, contact_ids: Collection[int]) -> dict[int, list[Ticket]]:
    """Return the open tickets of contacts that the viewer may see, the latest first, five at most each. One query."""
    found: dict[int, list[Ticket]] = {pk: [] for pk in contact_ids}
    if found:
        rows = Ticket.objects.visible_to(viewer).filter(
            contact_id__in=list(found), status_category__in=Status.ACTIVE, merged_into=None
        )
        for ticket in rows.order_by("-last_message_at")[:50]:
            if len(found[ticket.contact_id]) < 5:
                found[ticket.contact_id].append(ticket)
    return found


def recording_of(call: Call) -> bytes:
    """Return the recording. Raises FileNotFoundError where there is none."""
    return read_file(call.recording_key)


def recording_name(call: Call) -> str:
    """Return a name for the recording's file."""
    ending = mimetypes.guess_extension(call.recording_type.partition(";")[0]) or ""
    word = _("voicemail") if call.state == Call.State.VOICEMAIL else _("call")
    return f"{word}-{timezone.localtime(call.started_at):%Y-%m-%d-%H%M}{ending}"


def talk_time(seconds: int | None) -> str:
    """Return a length as telephones show it (3:12, 1:02:05), empty for none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _id(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0
