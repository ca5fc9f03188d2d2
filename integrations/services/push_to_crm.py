"""Send to a CRM what holds here: rows of the outbox, each a batch of linked records.

A batch names records and versions, never values. Before it writes it reads the records there anew and decides again, so that a
change that came meanwhile is not overwritten, and a batch that is sent twice writes nothing the second time.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import F

from core.outbox import enqueue_outbound
from integrations.crm.contract import OBJECTS, Written
from integrations.crm.session import CrmSession
from integrations.crm.values import canonical
from integrations.models import CrmConnection, CrmLink
from integrations.services.apply_crm_records import Applier
from integrations.services.store_crm_records import store_crm_records

CRM_WRITE_KIND = "integrations.crm_write"


@dataclass(frozen=True)
class Batch:
    """What is written: by their ids, our field names with canonical texts; the links and the versions it is for."""

    connection: CrmConnection
    object: str
    rows: Mapping[str, Mapping[str, str]]
    versions: Mapping[int, int]


def plan_crm_pushes(*, connection: CrmConnection, batch_size: int) -> int:
    """Write rows of the outbox for all linked records that have something to send; returns how many rows."""
    made = 0
    for kind in OBJECTS:
        while _plan_one(connection, kind, batch_size):
            made += 1
    return made


@transaction.atomic
def _plan_one(connection: CrmConnection, kind: str, batch_size: int) -> bool:
    due = CrmLink.objects.select_for_update().filter(
        connection=connection,
        object=kind,
        state=CrmLink.State.LINKED,
        push_version__gt=F("planned_version"),
    )
    links = list(due.order_by("pk")[:batch_size])
    if not links:
        return False
    versions = {link.pk: link.push_version for link in links}
    text = ",".join(f"{pk}:{version}" for pk, version in versions.items())
    enqueue_outbound(
        kind=CRM_WRITE_KIND,
        idempotency_key=f"crm:{connection.pk}:{hashlib.sha256(text.encode()).hexdigest()[:40]}",
        payload={
            "connection": connection.pk,
            "object": kind,
            "links": [[pk, version] for pk, version in versions.items()],
        },
    )
    for link in links:
        link.planned_version = link.push_version
    CrmLink.objects.bulk_update(links, ["planned_version"], batch_size=500)
    return True


def read_batch(*, connection: CrmConnection, kind: str, versions: Mapping[int, int]) -> Batch:
    """Read the records there, keep them raw, decide what is to be written. Raises CrmFailure. Call outside of transactions."""
    session = CrmSession(connection)
    applier = Applier(connection, session.system, kind)
    links = {
        link.remote_id: link
        for link in CrmLink.objects.filter(pk__in=versions, state=CrmLink.State.LINKED).order_by("pk")
    }
    names = sorted({pair.theirs for pair in applier.pairs})
    raws = session.system.read(session.ask, kind, list(links), names) if links else ()
    with transaction.atomic():
        store_crm_records(connection=connection, system=session.system, kind=kind, rows=raws)
    rows: dict[str, dict[str, str]] = {}
    for raw in raws:
        try:
            record = session.system.parse(kind, raw)
            link = links[record.id]
            plan = applier.plan(link, applier.theirs(record), record.modified_at)
        except (KeyError, TypeError, ValueError, ObjectDoesNotExist) as error:
            note_push_error(links, str(raw.get("id") or raw.get("Id") or ""), str(error))
            continue
        if not record.is_deleted and plan.send:
            rows[record.id] = plan.send
    return Batch(connection, kind, rows, versions)


def note_push_error(links: Mapping[str, CrmLink], remote_id: str, error: str) -> None:
    """Say on a link why nothing could be sent."""
    if remote_id in links:
        CrmLink.objects.filter(pk=links[remote_id].pk).update(push_error=error[:300])


def write_batch(*, batch: Batch) -> int:
    """Write to the CRM and note what became of each record; returns how many were refused. Raises CrmFailure."""
    session = CrmSession(batch.connection)
    applier = Applier(batch.connection, session.system, batch.object)
    names = {pair.ours: pair.theirs for pair in applier.pairs}
    wanted = {
        remote_id: {names[ours]: text for ours, text in values.items() if ours in names}
        for remote_id, values in batch.rows.items()
    }
    _note_sending(batch)
    written: Sequence[Written] = session.system.write(session.ask, batch.object, wanted) if wanted else ()
    refused = 0
    with transaction.atomic():
        links = {
            link.remote_id: link
            for link in CrmLink.objects.select_for_update().filter(pk__in=batch.versions).order_by("pk")
        }
        for one in written:
            link = links.get(one.id)
            if link is None:
                continue
            if one.error:
                refused += 1
                link.push_error = one.error[:300]
            else:
                _note_written(applier, link, batch.rows[one.id], one, names)
        failed = {one.id for one in written if one.error}
        for remote_id, link in links.items():
            if remote_id not in failed:
                link.pushed_version = max(link.pushed_version, batch.versions[link.pk])
                link.push_error = "" if remote_id in batch.rows else link.push_error
        CrmLink.objects.bulk_update(
            links.values(), ["values", "sending", "push_error", "pushed_version"], batch_size=500
        )
    return refused


def _note_sending(batch: Batch) -> None:
    """Commit what is about to leave: should its answer be lost, it is known for ours when it is read."""
    with transaction.atomic():
        links = list(
            CrmLink.objects.select_for_update()
            .filter(pk__in=batch.versions, remote_id__in=batch.rows)
            .order_by("pk")
        )
        for link in links:
            link.sending = {**link.sending, **batch.rows[link.remote_id]}
        CrmLink.objects.bulk_update(links, ["sending"], batch_size=500)


def _note_written(
    applier: Applier, link: CrmLink, sent: Mapping[str, str], one: Written, names: Mapping[str, str]
) -> None:
    """Both are in step now: ours as it was sent, theirs as it is stored there."""
    for ours, text in sent.items():
        stored = one.values.get(names[ours], text)
        try:
            there = canonical(applier.ours.fields[ours], stored)
        except ValueError:
            there = stored
        link.values = {**link.values, ours: [text, there]}
    link.sending = {ours: text for ours, text in link.sending.items() if ours not in sent}
