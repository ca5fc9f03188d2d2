"""One act on many tickets: each in a transaction of its own, through the service of one ticket; with a report and a way back.

The act and its items are written down before anything is done, and each item carries what became of it in the transaction of its
ticket. So whoever goes on after a killed process does each ticket exactly once: the job of an act on many tickets, and for one
on few, that is done while the person waits, the job that ``resume_bulk_acts`` gives it.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import cancel_job, start_job
from core.models import Job
from people.models import ApiKey
from people.viewer import Viewer
from tickets.bulk_acts import BULK_KINDS, BulkKind
from tickets.events import BULK_STARTED, BULK_UNDONE
from tickets.models import BulkAct, BulkItem, Ticket
from tickets.services.reply_to_ticket import NewerMessage
from tickets.ticket_rows import lock_ticket

logger = logging.getLogger(__name__)

MOST_CHOSEN = 200
MOST_OF_VIEW = 5_000
# So many are done while the person waits; more go to a job.
AT_ONCE = 20
UNDO_FOR = timedelta(minutes=10)
SLICE = 25
# After so long nobody is taken to be working on an act that has no job.
ABANDONED = timedelta(seconds=60)
# After so long nobody expects any more that an act without a job goes on: the tickets have moved on, and so have the people.
GIVEN_UP = timedelta(hours=1)
# A ticket whose rows others hold (a deadlock, a lock that never comes) is tried so often, after pauses of so many seconds.
PAUSES = (0.05, 0.2, 0.8)


def start_bulk_act(*, act: str, value: Mapping[str, Any], ticket_ids: Sequence[int], by: Viewer) -> BulkAct:
    """Write down what is to be done to which tickets, and do it: here when they are few, else by a job.

    Not for use inside a transaction, which would hold every ticket until its end. Raises what ``plan_bulk_act`` raises.
    """
    return run_bulk_act(bulk=plan_bulk_act(act=act, value=value, ticket_ids=ticket_ids, by=by), by=by)


def plan_bulk_act(*, act: str, value: Mapping[str, Any], ticket_ids: Sequence[int], by: Viewer) -> BulkAct:
    """Write down what is to be done to which tickets; once that is committed it will be done.

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
            _start_job(bulk, by)
    return bulk


def run_bulk_act(*, bulk: BulkAct, by: Viewer) -> BulkAct:
    """Do what was planned, unless a job does it. Repeated, it does what is left."""
    if bulk.job_id is None and bulk.state == BulkAct.State.RUNNING:
        do_items(bulk=bulk, by=by, limit=AT_ONCE)
    return bulk


def _start_job(bulk: BulkAct, by: Viewer, *, undo: bool = False) -> None:
    """Let a job do, or take back, the act; its present one while that is open."""
    job = start_job(
        kind="tickets.bulk_change",
        key=f"{bulk.reference}:undo" if undo else bulk.reference,
        by=by,
        params={"bulk": bulk.pk, "undo": undo},
        requested_by_id=by.user_id,
    )
    name = "undo_job" if undo else "job"
    setattr(bulk, name, job)
    bulk.save(update_fields=[name])


def resume_bulk_acts() -> int:
    """Give acts that a killed process has left a job, and end those whose job was given up or stopped; returns how many.

    One that was left without a job more than an hour ago is ended, too: nothing is changed that late.
    """
    now = timezone.now()
    before = now - ABANDONED
    running = Q(state=BulkAct.State.RUNNING) | Q(undo_state=BulkAct.State.RUNNING)
    acts = BulkAct.objects.filter(running, created_at__lt=before).select_related("job", "undo_job", "user")
    resumed = 0
    for bulk in acts.order_by("pk"):
        undo = bulk.state != BulkAct.State.RUNNING
        job = bulk.undo_job if undo else bulk.job
        # What is taken back is so within minutes of its end; when that began is not written down.
        begun = (bulk.finished_at if undo else None) or bulk.created_at
        if job is None and begun < now - GIVEN_UP:
            _give_up(bulk, undo=undo, reason=_("It was interrupted."))
        elif job is None:
            _start_job(bulk, actor_of(bulk), undo=undo)
        elif job.state in {Job.State.FAILED, Job.State.CANCELLED}:
            _give_up(bulk, undo=undo, reason=_("The job behind it was stopped."))
        else:
            continue
        resumed += 1
    return resumed


@transaction.atomic
def _give_up(bulk: BulkAct, *, undo: bool, reason: str) -> None:
    """Say of what was not reached that it failed, and why."""
    states = BulkItem.State
    left, failed = (states.DONE, states.UNDO_FAILED) if undo else (states.WAITING, states.FAILED)
    bulk.items.filter(state=left).update(state=failed, reason=reason)
    end = _end_undo if undo else _end
    end(bulk)


def do_items(*, bulk: BulkAct, by: Viewer, limit: int = SLICE) -> int:
    """Do the next waiting items; returns how many are left. A second worker skips what the first has done."""
    waiting = list(
        bulk.items.filter(state=BulkItem.State.WAITING).order_by("pk").values_list("pk", flat=True)[:limit]
    )
    for pk in waiting:
        _report(pk, partial(_do_item, bulk, pk, by), _AFTER_DOING)
    left = bulk.items.filter(state=BulkItem.State.WAITING).count()
    if not left:
        _end(bulk)
    return left


def _end(bulk: BulkAct) -> None:
    BulkAct.objects.filter(pk=bulk.pk, state=BulkAct.State.RUNNING).update(
        state=BulkAct.State.DONE, finished_at=timezone.now()
    )
    bulk.refresh_from_db()


def _end_undo(bulk: BulkAct) -> None:
    BulkAct.objects.filter(pk=bulk.pk).update(undo_state=BulkAct.State.DONE)
    bulk.refresh_from_db()


@transaction.atomic
def _do_item(bulk: BulkAct, item_id: int, by: Viewer) -> None:
    kind = BULK_KINDS[bulk.act]
    item = BulkItem.objects.select_for_update(of=("self",)).select_related("act").get(pk=item_id)
    if item.state != BulkItem.State.WAITING or item.act.state == BulkAct.State.CANCELLED:
        return
    by.require(kind.permission)
    ticket = _ticket_of(item, kind, by)
    version = ticket.version
    item.before = kind.facts(ticket, bulk.value)
    kind.apply(ticket, bulk.value, by, f"bulk-{bulk.reference}-{item.ticket_id}")
    ticket = Ticket.objects.get(pk=item.ticket_id)
    item.after = kind.facts(ticket, bulk.value)
    same = ticket.version == version and kind.restore is not None
    item.state = BulkItem.State.SAME if same else BulkItem.State.DONE
    item.save(update_fields=["before", "after", "state"])


def _ticket_of(item: BulkItem, kind: BulkKind, by: Viewer) -> Ticket:
    """The ticket, locked; what a service locks together with others it locks itself, all in their order."""
    if kind.locks_itself:
        return Ticket.objects.visible_to(by).get(pk=item.ticket_id)
    return lock_ticket(item.ticket_id, by)


# By what has happened: the state that an item is in when it is not done, when it is refused, and when it fails.
_AFTER_DOING = (BulkItem.State.WAITING, BulkItem.State.REFUSED, BulkItem.State.FAILED)
_AFTER_UNDOING = (BulkItem.State.DONE, BulkItem.State.KEPT, BulkItem.State.UNDO_FAILED)


def _report(item_id: int, work: Callable[[], None], states: tuple[str, str, str]) -> None:
    """Do the work on an item and write down why it could not be done; one ticket's trouble does not stop the others."""
    untouched, refused, failed = states
    try:
        _with_patience(work)
    except (ValidationError, PermissionDenied, NewerMessage, Ticket.DoesNotExist) as error:
        state, sentence = refused, _sentence(error)
    except OperationalError:
        logger.warning("an item of a bulk act did not get its locks", exc_info=True)
        state, sentence = failed, _("Others were working on this ticket all the time; nothing was changed.")
    except SoftTimeLimitExceeded:
        # The worker is to stop; the item is done by the next one.
        raise
    except Exception:
        logger.exception("an item of a bulk act failed")
        state, sentence = failed, _("Something failed on our side; this ticket was not changed.")
    else:
        return
    BulkItem.objects.filter(pk=item_id, state=untouched).update(state=state, reason=sentence[:300])


def _with_patience(work: Callable[[], None]) -> None:
    """Do the work, again after a pause when the database broke it off; raises the OperationalError that stays."""
    for pause in PAUSES:
        try:
            return work()
        except OperationalError:
            # Two that wait for each other must not come back at the same moment.
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return work()


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(str(message) for message in error.messages)
    if isinstance(error, Ticket.DoesNotExist):
        return _("You do not see this ticket any more.")
    return str(error)


def may_undo(bulk: BulkAct) -> bool:
    """Say whether the act can be taken back now: finished within the last ten minutes, and of a kind that can be."""
    if BULK_KINDS[bulk.act].restore is None or bulk.undo_state or bulk.state == BulkAct.State.RUNNING:
        return False
    return bulk.finished_at is not None and timezone.now() - bulk.finished_at <= UNDO_FOR


def undo_bulk_act(*, bulk: BulkAct, by: Viewer) -> BulkAct:
    """Give the tickets back what they had, except where that was changed since; says of each why not.

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
        bulk.save(update_fields=["undo_state"])
        if number > AT_ONCE:
            _start_job(bulk, by, undo=True)
    if bulk.undo_job_id is None:
        undo_items(bulk=bulk, by=by, limit=AT_ONCE)
    return bulk


def undo_items(*, bulk: BulkAct, by: Viewer, limit: int = SLICE) -> int:
    """Take the next items back; returns how many are left."""
    done = list(
        bulk.items.filter(state=BulkItem.State.DONE).order_by("-pk").values_list("pk", flat=True)[:limit]
    )
    for pk in done:
        _report(pk, partial(_undo_item, bulk, pk, by), _AFTER_UNDOING)
    left = bulk.items.filter(state=BulkItem.State.DONE).count()
    if not left:
        _end_undo(bulk)
    return left


@transaction.atomic
def _undo_item(bulk: BulkAct, item_id: int, by: Viewer) -> None:
    kind = BULK_KINDS[bulk.act]
    item = BulkItem.objects.select_for_update().get(pk=item_id)
    if item.state != BulkItem.State.DONE or kind.restore is None:
        return
    ticket = _ticket_of(item, kind, by)
    # What else has happened to the ticket, by rules or by people, stays as it is.
    if kind.changed(item.after, kind.facts(ticket, bulk.value)):
        raise ValidationError(_("It was changed since."))
    kind.restore(ticket, item.before, by)
    item.state = BulkItem.State.UNDONE
    item.save(update_fields=["state"])


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
