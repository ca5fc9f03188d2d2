"""Open the tickets of confirmed submissions. The row is the truth: what was broken off is tried again."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from customers.services.save_contact import verify_contact
from people.viewer import Viewer, system_viewer
from tickets.channels.web.form import CHANNEL, SOURCE, type_of, web_form
from tickets.custom_fields import words_of
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import CustomField, FormSubmission, Ticket
from tickets.services.receive_message import receive_message
from tickets.services.set_properties import set_properties
from tickets.stored_files import read_file
from tickets.ticket_sketch import fields_of_sketch, sketch_ticket

logger = logging.getLogger(__name__)

RETRY_SECONDS = (5, 60, 300, 1800)
State = FormSubmission.State


def take_submissions(*, until: datetime, limit: int = 200) -> int:
    """Open the tickets that are due, the oldest first, until none is left or the time is over; returns how many were tried.

    One that fails waits for its next try and stops nobody.
    """
    tried: list[int] = []
    while len(tried) < limit and timezone.now() < until:
        due = FormSubmission.objects.filter(state=State.CONFIRMED, next_try_at__lte=timezone.now())
        row = (
            due.exclude(pk__in=tried)
            .select_related("inbox__default_team")
            .order_by("next_try_at", "pk")
            .first()
        )
        if row is None:
            break
        tried.append(row.pk)
        _take(row)
    return len(tried)


def _take(row: FormSubmission) -> None:
    try:
        files = [
            IncomingFile(file.name, read_file(file.storage_key), file.content_type)
            for file in row.files.all()
        ]
        with transaction.atomic():
            locked = FormSubmission.objects.select_for_update(of=("self",)).get(pk=row.pk)
            if locked.state != State.CONFIRMED:
                return
            locked.inbox = row.inbox
            locked.ticket = _open(locked, files)
            locked.state, locked.ended_at, locked.error = State.DONE, timezone.now(), ""
            locked.save(update_fields=["ticket", "state", "ended_at", "error"])
            # From now on they are attachments of the message.
            locked.files.all().delete()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # whatever it is, it is shown on the row and tried again
        logger.warning("submission %s failed", row.pk, exc_info=error)
        _try_later(row, error)


def _open(row: FormSubmission, files: list[IncomingFile]) -> Ticket:
    """Open the ticket and tell it what the form knows, in the caller's transaction."""
    by = system_viewer(SOURCE)
    form, values = web_form(row.inbox), row.values
    fields, rest = _divided(row, by)
    proven = row.proof == FormSubmission.Proof.LINK
    received = receive_message(
        incoming=IncomingMessage(
            channel=CHANNEL,
            sender=values["email"],
            sender_name=values.get("name", ""),
            subject=values.get("subject") or form.title,
            text="\n".join([values["message"], *(["", *rest] if rest else [])]),
            files=files,
            external_id=f"form:{row.pk}",
            occurred_at=row.received_at,
            address_proven=proven,
        ),
        inbox=row.inbox,
        by=by,
    )
    if received.outcome == "duplicate":
        return received.ticket
    if proven:
        verify_contact(contact=received.ticket.contact, by=by)
    wanted: dict[str, Any] = {"fields": fields}
    ticket_type = type_of(form)
    if ticket_type is not None:
        wanted["type"] = ticket_type
    if form.language and not received.ticket.language:
        wanted["language"] = form.language
    set_properties(ticket=received.ticket, wanted=wanted, by=by)
    return received.ticket


def _divided(row: FormSubmission, by: Viewer) -> tuple[dict[str, Any], list[str]]:
    """The values that the ticket takes, and those that it does not take as lines of text, so that nothing is lost.

    The form judged conditions without knowing the person; and a field may have changed since.
    """
    form, given = web_form(row.inbox), dict(row.values.get("fields") or {})
    sketch = sketch_ticket(
        subject=row.values.get("subject", ""),
        channel=CHANNEL,
        contact_email=row.values["email"],
        type=type_of(form),
        language=form.language,
        by=by,
    )
    shown = {field.key for field in fields_of_sketch(sketch, given, by)}
    kept = {key: value for key, value in given.items() if key in shown}
    return kept, _lines({key: value for key, value in given.items() if key not in shown})


def _lines(values: Mapping[str, Any]) -> list[str]:
    fields = {field.key: field for field in CustomField.objects.filter(key__in=list(values))}
    return [
        f"{fields[key].label}: {words_of(fields[key], value)}" if key in fields else f"{key}: {value}"
        for key, value in values.items()
    ]


def _try_later(row: FormSubmission, error: Exception) -> None:
    words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    words = (words or type(error).__name__).splitlines()[0][:500]
    waiting = FormSubmission.objects.filter(pk=row.pk, state=State.CONFIRMED)
    if row.attempts >= len(RETRY_SECONDS):
        waiting.update(state=State.FAILED, error=words, attempts=row.attempts + 1)
        return
    waiting.update(
        error=words,
        attempts=row.attempts + 1,
        next_try_at=timezone.now() + timedelta(seconds=RETRY_SECONDS[row.attempts]),
    )
