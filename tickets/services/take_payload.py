"""Read what providers have sent and bring it to tickets.

Files are fetched and stored outside any transaction. What a payload tells is then applied in one transaction with the payload's
state, so a kill at any point leaves a payload that is tried again; all of it can be applied twice, and in any order, without a
difference.
What stumbles in a payload of several pieces keeps none of the others back: they are applied, and the payload shows what is left.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core import nudge
from core.outbox import PermanentFailure, TemporaryFailure
from people.viewer import Viewer, system_viewer
from tickets.channel import (
    Arrival,
    CallArrival,
    Channel,
    Connection,
    ConsentArrival,
    DeletionArrival,
    DeliveryArrival,
    EditArrival,
    HookRequest,
    MailArrival,
    MessageArrival,
    NothingToDo,
    NotUnderstood,
    ReadingArrival,
    RemoteFile,
    Unreadable,
)
from tickets.channels.email.services.store_mail import Arrived, enter_mails, keep_raw
from tickets.connections import channel_of, connection_of
from tickets.events import PAYLOAD_RETRIED
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import ChannelPayload, ChannelThread, Inbox, Message, Ticket
from tickets.services.note_provider_message import (
    note_deletion,
    note_delivery,
    note_edit,
    note_known,
    note_reading,
)
from tickets.services.receive_message import known_message, receive_message
from tickets.services.record_own_answer import colleague_of, record_own_answer
from tickets.services.take_call import take_call
from tickets.services.take_consent import take_consent
from tickets.stored_files import store_files

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=100)
RETRY_SECONDS = (5, 60, 300, 1800, 7200)
# A payload that ends whoever reads it never gets to wait for its next try: it is not read forever.
MOST_ATTEMPTS = 20
_FORESEEN = (Unreadable, LookupError, ValidationError)
State = ChannelPayload.State


def take_payloads(*, limit: int = 500, until: datetime | None = None) -> int:
    """Take in the payloads that are due, oldest first; returns how many were looked at.

    One that fails waits for its next try and stops nobody: each inbox's come in their own order, and after a failure of one
    inbox the others go on.
    """
    _give_up()
    taken = 0
    while taken < limit and (until is None or timezone.now() < until):
        payload = _claim()
        if payload is None:
            break
        take_payload(payload)
        taken += 1
    return taken


def take_payload(payload: ChannelPayload) -> None:
    """Take in one leased payload. Raises OperationalError and InterfaceError when the database is in trouble; the payload then
    waits."""
    inbox = payload.inbox
    try:
        channel, connection = channel_of(inbox), connection_of(inbox)
        arrivals, troubles = _complete(
            inbox, channel, connection, channel.read(connection, _request(payload))
        )
        mails = keep_raw(
            [
                Arrived(one.raw, one.occurred_at, f"provider:{payload.pk}")
                for one in arrivals
                if isinstance(one, MailArrival)
            ]
        )
        _store_contents(arrivals)
        with transaction.atomic():
            ticket = None
            for one in arrivals:
                try:
                    with transaction.atomic():
                        ticket = apply_arrivals(inbox=inbox, arrivals=[one]) or ticket
                except (OperationalError, InterfaceError):
                    raise
                except Exception as error:  # noqa: BLE001 - the others' news must not wait for it
                    troubles.append(error)
            if mails:
                enter_mails(mails, inbox=inbox)
                nudge.task_after_commit("tickets.process_waiting_mail", queue="channels")
            if not troubles:
                led_somewhere = any(not isinstance(one, NothingToDo) for one in arrivals)
                state = State.PROCESSED if led_somewhere else State.IGNORED
                _settle(payload, state, _words(arrivals), ticket)
            else:
                _stumbled(payload, troubles)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - shown, or tried again; the payload is never lost
        _stumbled(payload, [error])


def apply_arrivals(*, inbox: Inbox, arrivals: Sequence[Arrival]) -> Ticket | None:
    """Bring what a channel tells to tickets, in the caller's transaction; returns the ticket of its last message.

    Files must have been fetched. Can be repeated, and in another order, without a difference.
    """
    by = system_viewer(inbox.channel)
    ticket = None
    for one in arrivals:
        if isinstance(one, MessageArrival):
            colleague = colleague_of(one)
            if colleague is not None:
                written = record_own_answer(inbox=inbox, arrival=one, author=colleague)
            else:
                written = _take_message(inbox, one, by)
            ticket = ticket if written is None else written.ticket
        elif isinstance(one, DeliveryArrival):
            note_delivery(inbox=inbox, news=one)
        elif isinstance(one, EditArrival):
            note_edit(inbox=inbox, news=one)
        elif isinstance(one, ConsentArrival):
            ticket = take_consent(inbox=inbox, news=one, by=by) or ticket
        elif isinstance(one, CallArrival):
            ticket = take_call(inbox=inbox, news=one, by=by).ticket or ticket
        elif isinstance(one, ReadingArrival):
            note_reading(inbox=inbox, news=one)
        elif isinstance(one, DeletionArrival):
            note_deletion(inbox=inbox, news=one)
    return ticket


def _complete(
    inbox: Inbox, channel: Channel, connection: Connection, read: Sequence[Arrival]
) -> tuple[list[Arrival], list[Exception]]:
    """Complete what was read with names and files; returns what can be applied, and what stood in the way of the rest."""
    ready: list[Arrival] = []
    troubles: list[Exception] = []
    for one in read:
        if isinstance(one, NotUnderstood):
            troubles.append(Unreadable(one.words))
            continue
        try:
            arrival = channel.complete(connection, one)
            if arrival is not None:
                ready.append(_with_files(inbox, channel, connection, arrival))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the others' news must not wait for it
            troubles.append(error)
    return ready, troubles


def _stumbled(payload: ChannelPayload, troubles: Sequence[Exception]) -> None:
    """Show what makes no sense; what nobody foresaw is tried again first."""
    unforeseen = [one for one in troubles if not isinstance(one, _FORESEEN)]
    for one in unforeseen:
        if not isinstance(one, PermanentFailure | TemporaryFailure):
            logger.warning("payload %s could not be taken in", payload.pk, exc_info=one)
    if unforeseen:
        _try_later(payload, unforeseen[0])
    else:
        _settle(payload, State.FAILED, error="; ".join(dict.fromkeys(_first_line(one) for one in troubles)))


@transaction.atomic
def retry_payload(*, payload: ChannelPayload, by: Viewer) -> bool:
    """Have a failed payload read again, on a person's word; returns whether it had failed."""
    by.require("operations.retry")
    again = ChannelPayload.objects.filter(pk=payload.pk, state=State.FAILED).update(
        state=State.RECEIVED, attempts=0, next_try_at=timezone.now(), leased_until=None, processed_at=None
    )
    if again:
        PAYLOAD_RETRIED.record(by=by, subject_id=payload.pk, detail={"inbox": payload.inbox_id})
    return bool(again)


def _take_message(inbox: Inbox, arrival: MessageArrival, by: Viewer) -> Message:
    ChannelThread.objects.get_or_create(inbox=inbox, key=arrival.thread_key[:255])
    thread = ChannelThread.objects.select_for_update(of=("self",)).get(
        inbox=inbox, key=arrival.thread_key[:255]
    )
    received = receive_message(
        incoming=IncomingMessage(
            channel=inbox.channel,
            sender=arrival.sender,
            sender_name=arrival.sender_name,
            subject=arrival.subject or _subject(arrival.text),
            text=arrival.text,
            files=[file for file in arrival.files if isinstance(file, IncomingFile)],
            external_id=_external_id(inbox, arrival),
            occurred_at=arrival.occurred_at,
            is_automatic=arrival.is_automatic,
        ),
        inbox=inbox,
        ticket=thread.ticket,
        by=by,
    )
    message = received.message
    if received.outcome != "duplicate":
        thread.ticket = message.ticket
        if thread.last_inbound_at is None or arrival.occurred_at >= thread.last_inbound_at:
            thread.last_inbound_at = arrival.occurred_at
            thread.contact, thread.data = message.contact, dict(arrival.thread_data)
        thread.save(update_fields=["ticket", "contact", "data", "last_inbound_at"])
    note_known(inbox=inbox, provider_id=arrival.message_id, message=message)
    return message


def _subject(text: str) -> str:
    """The first line, as far as a list shows it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 80 else f"{line[:79].rstrip()}…"


def _external_id(inbox: Inbox, arrival: MessageArrival) -> str:
    return f"{inbox.pk}:{arrival.message_id}"


def _with_files(inbox: Inbox, channel: Channel, connection: Connection, arrival: Arrival) -> Arrival:
    """Fetch the files of a message that is not known yet; one that is gone for good is named in the text instead."""
    if isinstance(arrival, CallArrival):
        return _with_recording(channel, connection, arrival)
    if not isinstance(arrival, MessageArrival) or not arrival.files:
        return arrival
    if known_message(inbox.channel, _external_id(inbox, arrival)) is not None:
        return replace(arrival, files=())
    files: list[IncomingFile] = []
    missing: list[str] = []
    for file in arrival.files:
        if not isinstance(file, RemoteFile):
            files.append(file)
            continue
        try:
            files.append(channel.fetch_file(connection, file))
        except PermanentFailure as error:
            missing.append(
                _("[File “%(name)s” could not be fetched: %(why)s]") % {"name": file.name, "why": error}
            )
    text = "\n".join(part for part in (arrival.text, *missing) if part)
    return replace(arrival, files=files, text=text)


def _with_recording(channel: Channel, connection: Connection, arrival: CallArrival) -> CallArrival:
    """Fetch the recording of a call; one that is gone for good leaves the call without."""
    if not isinstance(arrival.recording, RemoteFile):
        return arrival
    try:
        return replace(arrival, recording=channel.fetch_file(connection, arrival.recording))
    except PermanentFailure as error:
        logger.warning("the recording of call %s could not be fetched: %s", arrival.call_id, error)
        return replace(arrival, recording=None)


def _store_contents(arrivals: Sequence[Arrival]) -> None:
    """Write the contents of files before the transaction, in which whoever opens a ticket would wait for the disk: what is
    stored already costs it nothing."""
    contents = [
        file.content
        for one in arrivals
        if isinstance(one, MessageArrival)
        for file in one.files
        if isinstance(file, IncomingFile)
    ]
    contents += [
        one.recording.content
        for one in arrivals
        if isinstance(one, CallArrival) and isinstance(one.recording, IncomingFile)
    ]
    if contents:
        store_files(contents)


def _give_up() -> None:
    """Show the payloads whose every reading was cut short, instead of leasing them once more."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    ChannelPayload.objects.filter(
        free, state=State.RECEIVED, next_try_at__lte=now, attempts__gte=MOST_ATTEMPTS
    ).update(
        state=State.FAILED,
        error=_("Given up: each of %d attempts to read it was cut short.") % MOST_ATTEMPTS,
        leased_until=None,
        processed_at=now,
    )


def _claim() -> ChannelPayload | None:
    """Lease the oldest due payload that nobody holds, counting the attempt before any work."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = ChannelPayload.objects.filter(free, state=State.RECEIVED, next_try_at__lte=now)
    for candidate in due.order_by("next_try_at", "pk").select_related("inbox__default_team")[:5]:
        claimed = ChannelPayload.objects.filter(free, pk=candidate.pk, state=State.RECEIVED).update(
            leased_until=now + LEASE, attempts=F("attempts") + 1
        )
        if claimed:
            candidate.attempts += 1
            candidate.leased_until = now + LEASE
            return candidate
    return None


def _request(payload: ChannelPayload) -> HookRequest:
    return HookRequest(
        method=payload.method,
        query=payload.query,
        headers=payload.headers,
        content_type=payload.content_type,
        body=bytes(payload.body),
        received_at=payload.received_at,
    )


def _settle(
    payload: ChannelPayload, state: str, result: str = "", ticket: Ticket | None = None, error: str = ""
) -> None:
    ChannelPayload.objects.filter(pk=payload.pk, leased_until=payload.leased_until).update(
        state=state,
        result=result[:300],
        error=error[:500],
        ticket=ticket,
        leased_until=None,
        processed_at=timezone.now(),
    )


def _try_later(payload: ChannelPayload, error: Exception) -> None:
    if payload.attempts > len(RETRY_SECONDS):
        _settle(payload, State.FAILED, error=_first_line(error))
        return
    ChannelPayload.objects.filter(pk=payload.pk, leased_until=payload.leased_until).update(
        next_try_at=timezone.now() + timedelta(seconds=RETRY_SECONDS[payload.attempts - 1]),
        leased_until=None,
        error=_first_line(error)[:500],
    )


def _words(arrivals: Sequence[Arrival]) -> str:
    counts: dict[str, int] = {}
    left = list(dict.fromkeys(one.words for one in arrivals if isinstance(one, NothingToDo)))
    names = {
        MessageArrival: _("messages"),
        EditArrival: _("edits"),
        DeletionArrival: _("deletions"),
        DeliveryArrival: _("delivery states"),
        ReadingArrival: _("readings"),
        MailArrival: _("mails"),
        ConsentArrival: _("words of consent"),
        CallArrival: _("news of calls"),
    }
    for one in arrivals:
        if type(one) in names:
            name = names[type(one)]
            counts[name] = counts.get(name, 0) + 1
    return ", ".join([*(f"{count} {name}" for name, count in counts.items()), *left])


def _first_line(error: Exception) -> str:
    words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return (words or type(error).__name__).splitlines()[0]
