"""One act on many tickets: each in a transaction of its own, through the service of one ticket; with a report and a way back."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import cancel_job, start_job
from people.models import ApiKey
from people.viewer import Viewer
from tickets.bulk_acts import BULK_KINDS
from tickets.events import BULK_STARTED, BULK_UNDONE
from tickets.models import BulkAct, BulkItem, Ticket
from tickets.services.reply_to_ticket import NewerMessage

logger = logging.getLogger(__name__)

MOST_CHOSEN = 200
MOST_OF_VIEW = 5_000
# So many are done while the person waits; more go to a job.
AT_ONCE = 20
UNDO_FOR = timedelta(minutes=10)
SLICE = 25


def start_bulk_act(*, act: str, value: Mapping[str, Any], ticket_ids: Sequence[int], by: Viewer) -> BulkAct:
    """Write down what is to be done to which tickets, and do it: here when they are few, else by a job.

    Tickets that the viewer does not see are left out. Raises ValidationError for an unknown act or value and for none or too
    many tickets, PermissionDenied.
    """
    kind = BULK_KINDS.get(act)
    if kind is None:
        raise ValidationError({"act": _("Choose one of: %s.") % ", ".join(BULK_KINDS)})
    by.require(kind.permission)
    cleaned, words = kind.clean(value, by)
    if len(ticket_ids) > MOST_OF_VIEW:
        raise ValidationError({"tickets": _("At most %d tickets can be changed at once.") % MOST_OF_VIEW})
    visible = set(Ticket.objects.visible_to(by).filter(pk__in=ticket_ids).values_list("pk", flat=True))
    chosen = [pk for pk in dict.fromkeys(ticket_ids) if pk in visible]
    if not chosen:
        raise ValidationError({"tickets": _("Choose at least one ticket.")})
    with transaction.atomic():
        bulk = BulkAct.objects.create(
            act=act,
            value=cleaned,
            words=words[:200],
            user_id=by.user_id,
            api_key=by.api_key_id,
            total=len(chosen),
            created_at=timezone.now(),
        )
        BulkItem.objects.bulk_create([BulkItem(act=bulk, ticket_id=pk) for pk in chosen], batch_size=500)
        BULK_STARTED.record(
            by=by, subject_id=bulk.pk, detail={"act": act, "value": cleaned, "total": len(chosen)}
        )
        if len(chosen) > AT_ONCE:
            bulk.job = start_job(
                kind="tickets.bulk_change",
                key=bulk.reference,
                by=by,
                params={"bulk": bulk.pk, "undo": False},
                requested_by_id=by.user_id,
            )
            bulk.save(update_fields=["job"])
    if bulk.job_id is None:
        do_items(bulk=bulk, by=by, limit=AT_ONCE)
    return bulk


def do_items(*, bulk: BulkAct, by: Viewer, limit: int = SLICE) -> int:
    """Do the next waiting items; returns how many are left. A second worker skips what the first has done."""
    waiting = list(
        bulk.items.filter(state=BulkItem.State.WAITING).order_by("pk").values_list("pk", flat=True)[:limit]
    )
    for pk in waiting:
        _do_item(bulk, pk, by)
    left = bulk.items.filter(state=BulkItem.State.WAITING).count()
    if not left:
        BulkAct.objects.filter(pk=bulk.pk, state=BulkAct.State.RUNNING).update(
            state=BulkAct.State.DONE, finished_at=timezone.now()
        )
        bulk.refresh_from_db()
    return left


def _do_item(bulk: BulkAct, item_id: int, by: Viewer) -> None:
    kind = BULK_KINDS[bulk.act]
    try:
        with transaction.atomic():
            item = BulkItem.objects.select_for_update().get(pk=item_id)
            if item.state != BulkItem.State.WAITING:
                return
            by.require(kind.permission)
            ticket = Ticket.objects.visible_to(by).get(pk=item.ticket_id)
            version = ticket.version
            item.before = kind.before(ticket)
            kind.apply(ticket, bulk.value, by, f"bulk-{bulk.reference}-{item.ticket_id}")
            ticket = Ticket.objects.get(pk=item.ticket_id)
            item.version = ticket.version
            same = ticket.version == version and kind.restore is not None
            item.state = BulkItem.State.SAME if same else BulkItem.State.DONE
            item.save()
    except Exception as error:  # noqa: BLE001 - one ticket's trouble is reported and the others go on
        sentence = _sentence(error)
        BulkItem.objects.filter(pk=item_id, state=BulkItem.State.WAITING).update(
            state=BulkItem.State.REFUSED, reason=sentence[:300]
        )


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(str(message) for message in error.messages)
    if isinstance(error, Ticket.DoesNotExist):
        return _("You do not see this ticket any more.")
    if isinstance(error, PermissionDenied | NewerMessage):
        return str(error)
    logger.exception("an item of a bulk act failed", exc_info=error)
    return _("Something failed on our side; this ticket was not changed.")


def may_undo(bulk: BulkAct) -> bool:
    """Say whether the act can be taken back now: finished within the last ten minutes, and of a kind that can be."""
    if BULK_KINDS[bulk.act].restore is None or bulk.undo_state or bulk.state == BulkAct.State.RUNNING:
        return False
    return bulk.finished_at is not None and timezone.now() - bulk.finished_at <= UNDO_FOR


def undo_bulk_act(*, bulk: BulkAct, by: Viewer) -> BulkAct:
    """Give the tickets back what they had, except those that somebody has changed since; says of each why not.

    Raises ValidationError when it is too late or was done already, PermissionDenied for somebody else's act.
    """
    _require_own(bulk, by)
    with transaction.atomic():
        bulk = BulkAct.objects.select_for_update().get(pk=bulk.pk)
        if not may_undo(bulk):
            raise ValidationError(_("This cannot be taken back any more."))
        bulk.undo_state = BulkAct.State.RUNNING
        number = bulk.items.filter(state=BulkItem.State.DONE).count()
        BULK_UNDONE.record(by=by, subject_id=bulk.pk, detail={"total": number})
        if number > AT_ONCE:
            bulk.undo_job = start_job(
                kind="tickets.bulk_change",
                key=f"{bulk.reference}:undo",
                by=by,
                params={"bulk": bulk.pk, "undo": True},
                requested_by_id=by.user_id,
            )
        bulk.save()
    if bulk.undo_job_id is None:
        undo_items(bulk=bulk, by=by, limit=AT_ONCE)
    return bulk


def undo_items(*, bulk: BulkAct, by: Viewer, limit: int = SLICE) -> int:
    """Take the next items back; returns how many are left."""
    done = list(
        bulk.items.filter(state=BulkItem.State.DONE).order_by("-pk").values_list("pk", flat=True)[:limit]
    )
    for pk in done:
        _undo_item(bulk, pk, by)
    left = bulk.items.filter(state=BulkItem.State.DONE).count()
    if not left:
        BulkAct.objects.filter(pk=bulk.pk).update(undo_state=BulkAct.State.DONE)
        bulk.refresh_from_db()
    return left


def _undo_item(bulk: BulkAct, item_id: int, by: Viewer) -> None:
    restore = BULK_KINDS[bulk.act].restore
    try:
        with transaction.atomic():
            item = BulkItem.objects.select_for_update().get(pk=item_id)
            if item.state != BulkItem.State.DONE or restore is None:
                return
            ticket = Ticket.objects.visible_to(by).select_for_update(of=("self",)).get(pk=item.ticket_id)
            if ticket.version != item.version:
                raise ValidationError(_("It was changed since."))
            restore(ticket, item.before, by)
            item.state = BulkItem.State.UNDONE
            item.save(update_fields=["state"])
    except Exception as error:  # noqa: BLE001 - one ticket's trouble is reported and the others go on
        BulkItem.objects.filter(pk=item_id, state=BulkItem.State.DONE).update(
            state=BulkItem.State.KEPT, reason=_sentence(error)[:300]
        )


def cancel_bulk_act(*, bulk: BulkAct, by: Viewer) -> BulkAct:
    """Leave alone what has not been changed yet. Raises PermissionDenied for somebody else's act."""
    _require_own(bulk, by)
    with transaction.atomic():
        bulk = BulkAct.objects.select_for_update().get(pk=bulk.pk)
        if bulk.state == BulkAct.State.RUNNING:
            bulk.state = BulkAct.State.CANCELLED
            bulk.finished_at = timezone.now()
            bulk.save()
            if bulk.job is not None:
                cancel_job(job=bulk.job, by=by)
    return bulk


def _require_own(bulk: BulkAct, by: Viewer) -> None:
    if (bulk.user_id, bulk.api_key) != (by.user_id, by.api_key_id) and by.kind != "system":
        raise PermissionDenied(_("Only who did it may take it back."))


def own_bulk_acts(viewer: Viewer) -> QuerySet[BulkAct]:
    """Return the acts of a viewer, newest first."""
    own = Q(user_id=viewer.user_id) if viewer.user_id is not None else Q(api_key=viewer.api_key_id or 0)
    return BulkAct.objects.filter(own).order_by("-pk")


def actor_of(bulk: BulkAct) -> Viewer:
    """Return who acts, with the rights of this moment; nobody's rights when the person or key is gone."""
    if bulk.user is not None:
        return bulk.user.as_viewer("task")
    key = None if bulk.api_key is None else ApiKey.objects.filter(pk=bulk.api_key).first()
    return Viewer(kind="staff") if key is None else key.as_viewer()
