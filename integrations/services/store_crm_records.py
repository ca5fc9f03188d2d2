"""Keep what a CRM sent as it came, before anybody reads it."""

import hashlib
import json
from collections.abc import Sequence

from django.utils import timezone

from integrations.crm.contract import CrmSystem, Envelope, Raw
from integrations.models import CrmConnection, CrmLink, CrmRecord


def store_crm_records(
    *,
    connection: CrmConnection,
    system: CrmSystem,
    kind: str,
    rows: Sequence[Raw],
    known_only: bool = False,
) -> tuple[int, list[Envelope]]:
    """Store raw records in the caller's transaction; returns how many are news, and the envelopes of all that have one.

    A record that is older than what is stored, or the same, changes nothing, so pages may come in any order and any number of
    times. One without a readable id or time is kept as failed. Of erased people nothing is stored; with ``known_only`` nothing of
    records that were never seen before.
    """
    now = timezone.now()
    found: dict[str, tuple[Envelope, Raw, str]] = {}
    for raw in rows:
        head, problem = _envelope(system, kind, raw)
        known = found.get(head.id)
        if known is None or known[0].modified_at <= head.modified_at:
            found[head.id] = (head, raw, problem)
    erased = set(
        CrmLink.objects.filter(
            connection=connection, object=kind, remote_id__in=found, state=CrmLink.State.ERASED
        ).values_list("remote_id", flat=True)
    )
    stored = {
        row.remote_id: row
        for row in CrmRecord.objects.select_for_update().filter(
            connection=connection, object=kind, remote_id__in=found
        )
    }
    made: list[CrmRecord] = []
    changed: list[CrmRecord] = []
    for remote_id, (head, raw, problem) in found.items():
        digest = _digest(raw)
        row = stored.get(remote_id) or CrmRecord(connection=connection, object=kind, remote_id=remote_id)
        is_old = row.pk is not None and (row.modified_at > head.modified_at or row.digest == digest)
        if is_old or remote_id in erased or (known_only and row.pk is None):
            continue
        row.modified_at, row.is_deleted, row.digest = head.modified_at, head.is_deleted, digest
        row.raw, row.received_at, row.attempts = dict(raw), now, 0
        row.state = CrmRecord.State.FAILED if problem else CrmRecord.State.WAITING
        row.error = problem[:300]
        (changed if row.pk is not None else made).append(row)
    CrmRecord.objects.bulk_create(made, batch_size=500)
    CrmRecord.objects.bulk_update(
        changed,
        ["modified_at", "is_deleted", "digest", "raw", "received_at", "attempts", "state", "error"],
        batch_size=200,
    )
    return len(made) + len(changed), [head for head, _raw, problem in found.values() if not problem]


def _envelope(system: CrmSystem, kind: str, raw: Raw) -> tuple[Envelope, str]:
    try:
        return system.envelope(kind, raw), ""
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        some_id = (
            str(raw.get("id") or raw.get("Id") or _digest(raw)[:24])
            if isinstance(raw, dict)
            else _digest(raw)[:24]
        )
        return Envelope(
            some_id[:64], timezone.now()
        ), f"the record cannot be read: {type(error).__name__} {error}"


def _digest(raw: Raw) -> str:
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
