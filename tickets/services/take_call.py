"""Bring news of a call to its row, to the screens of those who are concerned and, when it was missed, to a ticket.

News come in any order and more than once. What was answered was not missed; a message that was left outdoes both.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from customers.identities import Identity
from customers.models import Contact, ContactIdentity
from customers.phone_numbers import shown_number
from people.viewer import Viewer, contact_viewer
from tickets.calls import recording_name, recording_of, talk_time
from tickets.channel import CallArrival
from tickets.events import CALL_CHANGED, CALL_ENDED, CALL_LINKED
from tickets.families import merge_target
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.message_text import one_line, storable
from tickets.models import Call, ChannelThread, Inbox, Message, Status, Ticket
from tickets.phone_lines import people_at, people_free
from tickets.search_index import index_message
from tickets.services.receive_message import add_files, known_message, receive_message
from tickets.stored_files import store_file

State = Call.State
_OVER = frozenset({State.ENDED, State.MISSED, State.VOICEMAIL})


def take_call(*, inbox: Inbox, news: CallArrival, by: Viewer) -> Call:
    """Apply the news and return the call. In the caller's transaction; a repetition changes nothing."""
    call = _locked(inbox, news)
    before = call.state
    was_over = call.is_over
    shown_to = set(call.rung)
    _apply(call, inbox, news)
    missed = call.direction == Call.Direction.INBOUND and call.state in {State.MISSED, State.VOICEMAIL}
    if missed and (call.number or call.state == State.VOICEMAIL):
        _bring_ticket(call, inbox, by)
    elif call.state == State.ENDED and call.ticket is None:
        call.ticket = _open_ticket(inbox, call.number)
        if call.ticket is not None:
            _record_linked(call, by)
    call.save()
    if call.is_over and not was_over:
        CALL_ENDED.record(
            by=_speaker(call, by),
            subject_id=call.pk,
            account_id=None if call.contact is None else call.contact.account_id,
            detail=call_facts(call),
            occurred_at=call.ended_at,
        )
    if call.state != before or news.state == State.RINGING or set(call.rung) != shown_to:
        show_call(call, people={*shown_to, *call.rung}, by=by)
    return call


def show_call(call: Call, *, people: Collection[int], by: Viewer) -> None:
    """Tell the screens of these people that a call has changed; in the caller's transaction."""
    for user_id in sorted(people):
        CALL_CHANGED.record(by=by, subject_id=user_id, detail={"call": call.pk, "state": call.state})


def call_facts(call: Call) -> dict[str, Any]:
    """Return what events tell of a call: nothing that names the customer."""
    return {
        "direction": call.direction,
        "state": call.state,
        "seconds": call.duration_seconds,
        "agent": call.agent_id,
    }


def _locked(inbox: Inbox, news: CallArrival) -> Call:
    Call.objects.get_or_create(
        inbox=inbox,
        provider_id=news.call_id[:100],
        defaults={
            "direction": news.direction or Call.Direction.INBOUND,
            "started_at": news.occurred_at,
            # Nothing is known of it yet: news of whatever kind go forwards from here.
            "state": State.RINGING,
        },
    )
    rows = Call.objects.select_for_update(of=("self",)).select_related(
        "contact__account", "ticket__status", "inbox"
    )
    return rows.get(inbox=inbox, provider_id=news.call_id[:100])


def _apply(call: Call, inbox: Inbox, news: CallArrival) -> None:
    call.direction = news.direction or call.direction
    call.number = news.number[:64] or call.number
    call.line = news.line[:64] or call.line
    call.caller_name = one_line(storable(news.caller_name), 160) or call.caller_name
    call.started_at = min(call.started_at, news.occurred_at)
    if call.contact is None and call.number:
        call.contact = _known_contact(call.number)
    _apply_state(call, news)
    _apply_people(call, inbox, news)
    if news.duration_seconds is not None:
        call.duration_seconds = news.duration_seconds
    elif call.duration_seconds is None and call.answered_at and call.ended_at:
        call.duration_seconds = max(0, int((call.ended_at - call.answered_at).total_seconds()))
    if news.transcript:
        call.transcript = storable(news.transcript)
    if isinstance(news.recording, IncomingFile) and not call.recording_key:
        call.recording_sha256, call.recording_key = store_file(news.recording.content)
        call.recording_type = news.recording.content_type[:120]
        call.recording_size = len(news.recording.content)


def _apply_state(call: Call, news: CallArrival) -> None:
    told = news.state
    if told == State.ANSWERED:
        call.answered_at = _earliest(call.answered_at, news.occurred_at)
    if told in _OVER:
        call.ended_at = _earliest(call.ended_at, news.occurred_at)
    if State.VOICEMAIL in {told, call.state}:
        call.state = State.VOICEMAIL
    elif call.answered_at is not None:
        call.state = State.ANSWERED if call.ended_at is None else State.ENDED
    elif State.MISSED in {told, call.state}:
        call.state = State.MISSED
    elif told == State.ENDED:
        call.state = State.ENDED


def _apply_people(call: Call, inbox: Inbox, news: CallArrival) -> None:
    """Who has answered is its agent; until somebody has, those whose line rings are told, else everybody who is free."""
    named = people_at(inbox, news.agents)
    if news.state == State.ANSWERED and len(named) == 1:
        call.agent_id = named[0]
        call.rung = sorted({*call.rung, named[0]})
    elif news.state == State.RINGING:
        ring = named or ([] if call.rung or call.is_over or news.agents else people_free(inbox))
        call.rung = sorted({*call.rung, *ring})
        if call.direction == Call.Direction.OUTBOUND and len(named) == 1 and call.agent_id is None:
            call.agent_id = named[0]


def _earliest(known: datetime | None, told: datetime) -> datetime:
    return told if known is None else min(known, told)


def _known_contact(number: str) -> Contact | None:
    found = (
        ContactIdentity.objects.filter(kind="phone", value=number).select_related("contact__account").first()
    )
    return None if found is None else found.contact


def _open_ticket(inbox: Inbox, number: str) -> Ticket | None:
    """The ticket of the caller that missed calls of this inbox have opened, as long as it is not over."""
    if not number:
        return None
    thread = ChannelThread.objects.filter(inbox=inbox, key=number).select_related("ticket__status").first()
    ticket = None if thread is None or thread.ticket is None else merge_target(thread.ticket)
    return None if ticket is None or ticket.status.category not in Status.ACTIVE else ticket


def _bring_ticket(call: Call, inbox: Inbox, by: Viewer) -> None:
    """One message per call in one ticket per caller; what comes later (recording, transcript) joins the message."""
    external_id = f"{inbox.pk}:call:{call.provider_id}"
    message = known_message(inbox.channel, external_id)
    if message is None:
        received = receive_message(
            incoming=IncomingMessage(
                channel=inbox.channel,
                sender=_caller(call, inbox),
                sender_name=call.caller_name,
                subject=_subject(call),
                text=_text(call),
                external_id=external_id,
                occurred_at=call.ended_at or call.started_at,
            ),
            inbox=inbox,
            ticket=_open_ticket(inbox, call.number),
            by=by,
        )
        message = received.message
        call.contact = call.contact or message.contact
        if call.number:
            ChannelThread.objects.update_or_create(
                inbox=inbox,
                key=call.number,
                defaults={"ticket": message.ticket, "contact": message.contact},
            )
    elif message.body_text != _text(call):
        message.body_text = _text(call)
        message.save(update_fields=["body_text"])
        index_message(message.pk)
    call.ticket = message.ticket
    _attach_recording(call, message)


def _attach_recording(call: Call, message: Message) -> None:
    if call.recording_key and not message.attachments.filter(sha256=call.recording_sha256).exists():
        add_files(message, [IncomingFile(recording_name(call), recording_of(call), call.recording_type)])


def _caller(call: Call, inbox: Inbox) -> Identity:
    if call.number.startswith("+"):
        return Identity("phone", call.number)
    return Identity("handle", f"phone:{call.number or f'withheld-{inbox.pk}'}")


def _subject(call: Call) -> str:
    who = str(call.contact or call.caller_name or shown_number(call.number) or _("a withheld number"))
    if call.state == State.VOICEMAIL:
        return _("Voicemail from %s") % who
    return _("Missed call from %s") % who


def _text(call: Call) -> str:
    number = shown_number(call.number) or _("a withheld number")
    if call.state != State.VOICEMAIL:
        return _("Missed call from %s.") % number
    seconds = call.duration_seconds
    first = (
        _("Voicemail from %s.") % number
        if not seconds
        else _("Voicemail from %(number)s, %(length)s.") % {"number": number, "length": talk_time(seconds)}
    )
    return f"{first}\n\n{call.transcript}" if call.transcript else first


def _record_linked(call: Call, by: Viewer) -> None:
    CALL_LINKED.record(
        by=by,
        subject_id=call.pk,
        ticket_id=call.ticket_id,
        account_id=None if call.ticket is None else call.ticket.account_id,
        detail=call_facts(call),
        occurred_at=call.ended_at or timezone.now(),
    )


def _speaker(call: Call, by: Viewer) -> Viewer:
    """Events name the customer who has called."""
    if call.contact is not None and call.direction == Call.Direction.INBOUND:
        return contact_viewer(call.contact.pk, by.source)
    return by
