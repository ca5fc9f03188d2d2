"""Read a CRM: start a pass, and take the next step of one.

A pass reads, object by object, what has changed since shortly before the watermark, then tombstones, then applies what was
stored; at the end it plans what is to be sent. A page and the place behind it are stored in one transaction: after a kill the
pass goes on behind the last stored page, and what is read twice changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core.job_runner import keep_lease, start_job
from core.models import Job
from integrations.crm.contract import OBJECTS, CursorLost, Page, Query
from integrations.crm.session import CrmSession
from integrations.models import CrmConnection, CrmField, CrmRecord, CrmStream
from integrations.services.apply_crm_records import BATCH, Applier
from integrations.services.push_to_crm import plan_crm_pushes
from integrations.services.store_crm_records import store_crm_records
from people.viewer import Viewer, system_viewer

SYNC_KIND = "integrations.crm_sync"
CHECK_KIND = "integrations.crm_check"
OVERLAP = timedelta(minutes=5)
CHECK_EVERY = timedelta(hours=24)
# After a check with gaps that were being mended, the next one comes sooner.
CHECK_AGAIN = timedelta(hours=1)
STEPS = ("changed", "deleted", "apply")


def start_crm_sync(*, connection: CrmConnection, by: Viewer) -> Job:
    """Start a pass, or return the one that is going on."""
    by.require("crm.manage")
    return start_job(
        kind=SYNC_KIND,
        key=str(connection.pk),
        by=by,
        params={"connection": connection.pk},
        requested_by_id=by.user_id,
    )


def start_crm_check(*, connection: CrmConnection, by: Viewer) -> Job:
    """Start a reconciliation, or return the one that is going on."""
    by.require("crm.manage")
    return start_job(
        kind=CHECK_KIND,
        key=str(connection.pk),
        by=by,
        params={"connection": connection.pk},
        requested_by_id=by.user_id,
    )


def start_due_crm_work() -> int:
    """Start passes of all connections that can work, and reconciliations that are due; returns how many were asked for."""
    by = system_viewer("task")
    started = 0
    for connection in CrmConnection.objects.filter(is_on=True, sign_in_refused_at=None):
        if connection.waits_until is not None:
            continue
        start_crm_sync(connection=connection, by=by)
        started += 1
        if check_is_due(connection):
            start_crm_check(connection=connection, by=by)
            started += 1
    return started


def check_is_due(connection: CrmConnection) -> bool:
    """Whether a reconciliation should be made: daily, an hour after one that found gaps, never before the first pass."""
    if connection.first_pass_at is None:
        return False
    if connection.last_check_at is None:
        return True
    pause = CHECK_EVERY if connection.proven_at is not None else CHECK_AGAIN
    return timezone.now() - connection.last_check_at > pause


def next_place(kind: str, step: str) -> tuple[str, str] | None:
    """Return the step after this one, None at the end."""
    place = [(one, name) for one in OBJECTS for name in STEPS]
    at = place.index((kind, step)) + 1
    return place[at] if at < len(place) else None


def take_step(*, job: Job, connection: CrmConnection, kind: str, step: str) -> tuple[bool, int]:
    """Do a piece of a step; returns whether the step is done, and how many records were looked at. Raises CrmFailure."""
    session = CrmSession(connection)
    pairs = list(CrmField.objects.filter(connection=connection, object=kind).values_list("theirs", flat=True))
    if not pairs:
        return True, 0
    if step == "apply":
        count = Applier(connection, session.system, kind).apply_waiting()
        return count < BATCH, count
    stream = CrmStream.objects.get(connection=connection, object=kind)
    return _read_page(job, session, stream, pairs, step)


def finish_pass(*, connection: CrmConnection, batch_size: int) -> int:
    """Plan what is to be sent and note that a pass has come to its end; returns how many rows the outbox got."""
    planned = plan_crm_pushes(connection=connection, batch_size=batch_size)
    now = timezone.now()
    CrmConnection.objects.filter(pk=connection.pk).update(
        last_pass_at=now,
        first_pass_at=connection.first_pass_at or now,
        paused_until=None,
        pause_reason="",
        last_error="",
        last_error_at=None,
    )
    return planned


def waiting_records(connection: CrmConnection) -> int:
    """Return how many stored records wait to be applied."""
    return CrmRecord.objects.filter(connection=connection, state=CrmRecord.State.WAITING).count()


def _read_page(
    job: Job, session: CrmSession, stream: CrmStream, fields: list[str], step: str
) -> tuple[bool, int]:
    cursor: Mapping[str, Any] = stream.cursor.get(step) or {}
    connection = session.connection
    query = Query(
        stream.object,
        fields,
        # Tombstones are asked for whole: the watermark has moved on by now.
        since=stream.watermark - OVERLAP if stream.watermark is not None and step == "changed" else None,
        cursor=cursor,
        only_where=_only_where(connection, stream.object),
    )
    ask = session.system.changed if step == "changed" else session.system.deleted
    try:
        page = ask(session.ask, query)
    except CursorLost:
        # Without the place of the list it goes on behind the last id, if that is known.
        _keep(stream, step, {"after_id": cursor["after_id"]} if cursor.get("after_id") else {})
        return False, 0
    with transaction.atomic():
        if not keep_lease(job):
            return False, 0
        _count, heads = store_crm_records(
            connection=connection,
            system=session.system,
            kind=stream.object,
            rows=page.rows,
            known_only=step == "deleted",
        )
        _note_page(stream, step, page, [head.modified_at for head in heads])
    return page.cursor is None, len(page.rows)


def _only_where(connection: CrmConnection, kind: str) -> tuple[str, str] | None:
    is_set = kind == OBJECTS[0] and connection.filter_field
    return (connection.filter_field, connection.filter_value) if is_set else None


def _note_page(stream: CrmStream, step: str, page: Page, moments: list[datetime]) -> None:
    """Move on in the caller's transaction. At the end of ``changed`` the watermark moves to what was seen, but never past the
    moment (of their clock) at which the pass began: what changed behind its back is read by the next one."""
    if step == "changed":
        if not stream.cursor.get(step):
            stream.began_at = page.server_time or timezone.now()
            stream.seen_until = None
        stream.seen_until = max([*moments, *([stream.seen_until] if stream.seen_until else [])], default=None)
        if page.cursor is None and stream.seen_until is not None and stream.began_at is not None:
            stream.watermark = max(
                min(stream.seen_until, stream.began_at),
                stream.watermark or min(stream.seen_until, stream.began_at),
            )
            stream.finished_at = timezone.now()
    stream.cursor = {**stream.cursor, step: dict(page.cursor) if page.cursor else {}}
    stream.save()


def _keep(stream: CrmStream, step: str, cursor: Mapping[str, Any]) -> None:
    stream.cursor = {**stream.cursor, step: dict(cursor)}
    stream.save(update_fields=["cursor"])
