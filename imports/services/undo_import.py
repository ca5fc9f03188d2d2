"""Undo an import: what it made goes, unless somebody has touched it since; what stays is told with the reason."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from core.job_runner import start_job
from core.models import Event
from core.search.documents import forget
from customers.models import Account, Contact
from imports.events import IMPORT_UNDO_STARTED, IMPORT_UNDONE
from imports.models import ExternalRef, Import, ImportRow
from ml.services.forget_vectors import forget_vectors
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.models import MailLedger, Message, Ticket
from tickets.search_index import MESSAGE, TICKET, index_many
from tickets.services.build_episodes import build_episodes
from tickets.services.count_open_tickets import count_open_tickets
from tickets.services.count_views import count_tickets, settle_counts
from tickets.services.recount_messages import recount_messages
from tickets.similar import TICKET_VECTORS
from tickets.ticket_rows import lock_ticket, save_ticket

UNDO_KIND = "imports.undo"
SLICE_SECONDS = 20.0
AT_ONCE = 150
MOST_TOLD = 500
State = Import.State
_ORDER = ("ticket", "message", "contact", "account", "staff")


@transaction.atomic
def undo_import(*, run: Import, by: Viewer) -> Import:
    """Ask for it. Raises ValidationError while a job works on the import, and for one that has made nothing."""
    by.require("imports.manage")
    row = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=run.pk)
    if row.is_busy:
        raise ValidationError(_("The import is still being worked on: stop it first."))
    if row.state not in (State.RUNNING, State.DONE):
        raise ValidationError(_("There is nothing to undo."))
    row.job = start_job(
        kind=UNDO_KIND, key=row.reference, by=by, params={"import": row.pk}, requested_by_id=by.user_id
    )
    row.state, row.left = State.UNDOING, []
    row.place = {**row.place, "left": {}}
    row.save(update_fields=["job", "state", "left", "place"])
    IMPORT_UNDO_STARTED.record(by=by, subject_id=row.pk, detail={"system": row.system})
    return row


def undo_slice(run: Import) -> tuple[int, bool]:
    """Remove the next objects for some seconds; returns how many were looked at and whether none is left."""
    until = time.monotonic() + SLICE_SECONDS
    looked = 0
    for kind in _ORDER:
        while True:
            after = int(run.place.get("left", {}).get(kind, 0))
            refs = list(
                ExternalRef.objects.filter(made_by=run, kind=kind, pk__gt=after).order_by("pk")[:AT_ONCE]
            )
            if not refs:
                break
            _undo(run, kind, refs)
            looked += len(refs)
            if time.monotonic() > until:
                return looked, False
    _finish(run)
    return looked, True


def _undo(run: Import, kind: str, refs: Sequence[ExternalRef]) -> None:
    with transaction.atomic():
        Import.objects.select_for_update().get(pk=run.pk)
        left = _REMOVE[kind](refs)
        gone = [ref for ref in refs if ref.object_id not in left]
        ExternalRef.objects.filter(pk__in=[ref.pk for ref in gone]).delete()
        run.rows.filter(
            kind__in=_ROWS_OF[kind], object_id__in=[ref.object_id for ref in gone], outcome="created"
        ).update(outcome=ImportRow.Outcome.UNDONE)
        told = [{"kind": kind, "id": pk, "why": why} for pk, why in left.items()]
        run.left = [*run.left, *told][:MOST_TOLD]
        run.place = {**run.place, "left": {**run.place.get("left", {}), kind: refs[-1].pk}}
        run.save(update_fields=["left", "place"])


_ROWS_OF = {kind: (kind,) for kind in _ORDER} | {"message": ("message", "mail")}


def _remove_tickets(refs: Sequence[ExternalRef]) -> dict[int, str]:
    stamps = {ref.object_id: ref.stamp for ref in refs}
    tickets = list(Ticket.objects.select_for_update(of=("self",)).filter(pk__in=stamps))
    left: dict[int, str] = {}
    for ticket in tickets:
        if ticket.version != stamps[ticket.pk]:
            left[ticket.pk] = _("somebody has worked on it")
        elif ticket.merged_into_id is not None or ticket.merged_count or ticket.follow_ups.exists():
            left[ticket.pk] = _("it is joined with another ticket")
    going = [ticket for ticket in tickets if ticket.pk not in left]
    _delete_tickets(going)
    return left


def _delete_tickets(tickets: Sequence[Ticket]) -> None:
    ids = [ticket.pk for ticket in tickets]
    messages = list(Message.objects.filter(ticket_id__in=ids).values_list("pk", flat=True))
    accounts = {ticket.account_id for ticket in tickets if ticket.account_id is not None}
    # Texts go first: while the rows are there the index would find them missing.
    forget(MESSAGE, messages)
    forget(TICKET, ids)
    MailLedger.objects.filter(message_id__in=messages).delete()
    Ticket.objects.filter(pk__in=ids).delete()
    # After the rows: whoever stores a vector holds their locks.
    forget_vectors(TICKET_VECTORS, ids)
    ExternalRef.objects.filter(kind="message", object_id__in=messages).delete()
    ImportRow.objects.filter(kind__in=["message", "mail"], object_id__in=messages, outcome="created").update(
        outcome=ImportRow.Outcome.UNDONE
    )
    count_open_tickets(account_ids=accounts)


def _remove_messages(refs: Sequence[ExternalRef]) -> dict[int, str]:
    """Messages that were added to tickets which stay: they go while nobody has worked on the ticket since."""
    messages = list(Message.objects.filter(pk__in=[ref.object_id for ref in refs]).select_related("ticket"))
    versions = {
        ref.object_id: ref.stamp
        for ref in ExternalRef.objects.filter(
            kind="ticket", object_id__in=[one.ticket_id for one in messages]
        )
    }
    left: dict[int, str] = {}
    going: dict[int, list[int]] = {}
    for message in messages:
        stamp = versions.get(message.ticket_id)
        if stamp is not None and stamp != message.ticket.version:
            left[message.pk] = _("somebody has worked on its ticket")
        else:
            going.setdefault(message.ticket_id, []).append(message.pk)
    for ticket_id, ids in going.items():
        ticket = lock_ticket(ticket_id)
        forget(MESSAGE, ids)
        MailLedger.objects.filter(message_id__in=ids).delete()
        Message.objects.filter(pk__in=ids).delete()
        recount_messages(ticket)
        save_ticket(ticket, now=ticket.updated_at)
        ExternalRef.objects.filter(kind="ticket", object_id=ticket_id, stamp=ticket.version - 1).update(
            stamp=ticket.version
        )
    build_episodes(ticket_ids=list(going))
    transaction.on_commit(partial(_count_again, list(going)))
    return left


def _count_again(ids: Collection[int]) -> None:
    index_many(list(ids))
    count_tickets(ticket_ids=ids)


def _touched(kind: str, ids: Collection[int]) -> set[int]:
    """Those about whom something was recorded here since."""
    events = Event.objects.filter(subject_kind=kind, subject_id__in=ids).exclude(verb__startswith="imports.")
    return set(events.values_list("subject_id", flat=True))


def _remove_contacts(refs: Sequence[ExternalRef]) -> dict[int, str]:
    ids = [ref.object_id for ref in refs]
    touched = _touched("contact", ids)
    left: dict[int, str] = {}
    for contact in Contact.objects.filter(pk__in=ids):
        if contact.pk in touched:
            left[contact.pk] = _("somebody has worked on it")
        else:
            _delete(contact, left)
    return left


def _remove_accounts(refs: Sequence[ExternalRef]) -> dict[int, str]:
    ids = [ref.object_id for ref in refs]
    touched = _touched("account", ids)
    left: dict[int, str] = {}
    for account in Account.objects.filter(pk__in=ids):
        if account.pk in touched:
            left[account.pk] = _("somebody has worked on it")
        elif account.contacts.exists() or account.tickets.exists() or account.usage_days.exists():
            left[account.pk] = _("people, tickets or usage belong to it")
        else:
            _delete(account, left)
    return left


def _remove_staff(refs: Sequence[ExternalRef]) -> dict[int, str]:
    left: dict[int, str] = {}
    for user in User.objects.filter(pk__in=[ref.object_id for ref in refs]):
        if user.is_active or user.has_usable_password():
            left[user.pk] = _("the person works here now")
        elif Message.objects.filter(author=user).exists() or Ticket.objects.filter(assignee=user).exists():
            left[user.pk] = _("messages or tickets are under this name")
        else:
            _delete(user, left)
    return left


def _delete(row: Any, left: dict[int, str]) -> None:
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        left[row.pk] = _("tickets or messages belong to it")


_REMOVE = {
    "ticket": _remove_tickets, "message": _remove_messages, "contact": _remove_contacts, "account": _remove_accounts,
    "staff": _remove_staff,
}  # fmt: skip


def _finish(run: Import) -> None:
    settle_counts()
    with transaction.atomic():
        ended = Import.objects.filter(pk=run.pk, state=State.UNDOING).update(state=State.UNDONE)
        # What stays is known again to a later import of the same system.
        ExternalRef.objects.filter(made_by=run).update(made_by=None)
        if ended:
            IMPORT_UNDONE.record(
                by=system_viewer("import"), subject_id=run.pk, detail={"left": len(run.left)}
            )
    run.refresh_from_db()
