"""Worked time on a ticket: log it, correct it, take it back."""

from datetime import date, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.models import User
from people.viewer import Viewer
from tickets.events import TIME_LOGGED
from tickets.message_text import storable
from tickets.models import Ticket, TimeEntry
from tickets.ticket_rows import lock_ticket, save_ticket

MOST_MINUTES = 24 * 60
LONGEST_NOTE = 200


@transaction.atomic
def log_time(
    *,
    ticket: Ticket,
    minutes: int,
    by: Viewer,
    note: str = "",
    worked_on: date | None = None,
    user: User | None = None,
) -> TimeEntry:
    """Log minutes of work, today unless ``worked_on`` says another day.

    People log their own time; an integration names whose it is with ``user``. Raises ValidationError naming the field.
    """
    by.require("tickets.note")
    locked = lock_ticket(ticket.pk, by)
    if user is not None and by.user_id is not None and user.pk != by.user_id:
        raise PermissionDenied(_("Everybody logs their own time."))
    on = worked_on or timezone.localdate()
    _check(minutes, note, on)
    entry = TimeEntry.objects.create(
        ticket=locked,
        user_id=by.user_id or (user.pk if user else None),
        minutes=minutes,
        note=_one_line(note),
        worked_on=on,
    )
    _record(locked, by, "logged", entry)
    return entry


@transaction.atomic
def change_time(
    *,
    entry: TimeEntry,
    by: Viewer,
    minutes: int | None = None,
    note: str | None = None,
    worked_on: date | None = None,
) -> TimeEntry:
    """Correct an entry of one's own; what is None stays. Raises PermissionDenied for somebody else's, ValidationError."""
    locked, row = _own(entry, by)
    before = (row.minutes, row.note, row.worked_on)
    row.minutes = row.minutes if minutes is None else minutes
    row.note = row.note if note is None else _one_line(note)
    row.worked_on = row.worked_on if worked_on is None else worked_on
    _check(row.minutes, row.note, row.worked_on)
    if before != (row.minutes, row.note, row.worked_on):
        row.save()
        _record(locked, by, "changed", row)
    return row


@transaction.atomic
def delete_time(*, entry: TimeEntry, by: Viewer) -> None:
    """Take back an entry of one's own; raises PermissionDenied for somebody else's."""
    locked, row = _own(entry, by)
    _record(locked, by, "removed", row)
    row.delete()


def may_change(entry: TimeEntry, by: Viewer) -> bool:
    """Say whether the entry is the viewer's to change: one's own, any for an integration."""
    return by.can("tickets.note") and (by.user_id is None or entry.user_id == by.user_id)


def _own(entry: TimeEntry, by: Viewer) -> tuple[Ticket, TimeEntry]:
    by.require("tickets.note")
    locked = lock_ticket(entry.ticket_id, by)
    row = TimeEntry.objects.get(pk=entry.pk, ticket=locked)
    if not may_change(row, by):
        raise PermissionDenied(_("Only who logged the time can change it."))
    return locked, row


def _one_line(note: str) -> str:
    return " ".join(storable(note).split())


def _check(minutes: int, note: str, on: date) -> None:
    refused: dict[str, str] = {}
    if not 1 <= minutes <= MOST_MINUTES:
        refused["minutes"] = _("Log between 1 minute and 24 hours.")
    if len(note) > LONGEST_NOTE:
        refused["note"] = _("A note has at most %d letters.") % LONGEST_NOTE
    # Somebody east of the server may already be in tomorrow.
    if on > timezone.localdate() + timedelta(days=1):
        refused["worked_on"] = _("This day is still to come.")
    if refused:
        raise ValidationError(refused)


def _record(ticket: Ticket, by: Viewer, act: str, entry: TimeEntry) -> None:
    TIME_LOGGED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"act": act, "entry": entry.pk, "minutes": entry.minutes, "note": entry.note},
    )
    save_ticket(ticket)
