"""Reconcile both sides of a connection: count, sum and compare every record, and list the gaps.

Only what this finds makes a connection active. What differs is read and decided again by the next pass; what is on its way (not
yet read, not yet sent) is counted as such and is no gap.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from core.job_runner import keep_lease
from core.models import Job
from integrations.crm.contract import ACCOUNT, OBJECTS, CursorLost, Page, Query, RemoteRecord
from integrations.crm.session import CrmSession
from integrations.events import CRM_CHECKED
from integrations.models import CrmCheck, CrmConnection, CrmField, CrmGap, CrmLink, CrmRecord
from integrations.services.apply_crm_records import Applier
from integrations.services.store_crm_records import store_crm_records
from people.viewer import system_viewer

PAGE = 500
_DIGEST_SPACE = 2**64


@dataclass(frozen=True)
class Gap:
    """A difference that one page has shown."""

    kind: str
    local_id: int | None = None
    remote_id: str = ""
    label: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


def begin_check(connection: CrmConnection) -> CrmCheck:
    """Start a reconciliation; its results grow page by page."""
    empty = {
        "ours": 0, "theirs": 0, "linked": 0, "in_step": 0, "in_flight": 0, "sums": {}, "id_digests": [0, 0],
    }  # fmt: skip
    objects = set(CrmField.objects.filter(connection=connection).values_list("object", flat=True))
    results = {kind: dict(empty) for kind in OBJECTS if kind in objects}
    return CrmCheck.objects.create(connection=connection, started_at=timezone.now(), results=results)


def check_page(
    *, job: Job, check: CrmCheck, kind: str, cursor: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Compare the next page of theirs; returns where the next one begins, None at the end. Raises CrmFailure."""
    connection, result = check.connection, check.results[kind]
    if result.get("page") and result["page"][0] == dict(cursor):
        # A worker died behind this page: it is counted already.
        following: Mapping[str, Any] | None = result["page"][1]
        return following
    session = CrmSession(connection)
    applier = Applier(connection, session.system, kind)
    is_filtered = kind == ACCOUNT and connection.filter_field
    query = Query(
        kind,
        sorted({pair.theirs for pair in applier.pairs}),
        cursor=cursor,
        only_where=(connection.filter_field, connection.filter_value) if is_filtered else None,
    )
    try:
        page = session.system.changed(session.ask, query)
    except CursorLost:
        return {"after_id": cursor["after_id"]} if cursor.get("after_id") else {}
    with transaction.atomic():
        if not keep_lease(job):
            return cursor
        result["page"] = [dict(cursor), dict(page.cursor) if page.cursor is not None else None]
        _Page(check, applier, page).compare()
    return page.cursor


def check_here(*, job: Job, check: CrmCheck, kind: str, after: int) -> int | None:
    """Look for records of ours that are not there, PAGE at a time; returns the last id looked at, None at the end."""
    connection, result = check.connection, check.results[kind]
    if result.get("here") and result["here"][0] == after:
        known: int | None = result["here"][1]
        return known
    applier = Applier(connection, CrmSession(connection).system, kind)
    accounts = (
        ()
        if kind == ACCOUNT
        else CrmLink.objects.filter(connection=connection, object=ACCOUNT, state=CrmLink.State.LINKED).values(
            "local_id"
        )
    )
    ids = list(
        applier.ours.expected(accounts).filter(pk__gt=after).values_list("pk", flat=True)[:PAGE]  # type: ignore[arg-type]
    )
    linked = set(
        CrmLink.objects.filter(connection=connection, object=kind, local_id__in=ids)
        .exclude(state=CrmLink.State.ERASED)
        .values_list("local_id", flat=True)
    )
    missing = [pk for pk in ids if pk not in linked]
    labels = applier.ours.labels(missing)
    following = ids[-1] if len(ids) == PAGE else None
    with transaction.atomic():
        if not keep_lease(job):
            return after
        _note_gaps(check, kind, [Gap("only_here", pk, label=labels.get(pk, "")) for pk in missing])
        result["ours"] += len(ids)
        result["here"] = [after, following]
        check.save(update_fields=["results"])
    return following


def end_object(*, check: CrmCheck, kind: str) -> None:
    """After the last page: linked records that were seen nowhere are gaps."""
    if check.results[kind].get("is_ended"):
        return
    lost = CrmLink.objects.filter(
        connection=check.connection, object=kind, state=CrmLink.State.LINKED
    ).exclude(seen_in_check=check.pk)
    lost = lost.filter(Q(created_at__lt=check.started_at))
    applier = Applier(check.connection, CrmSession(check.connection).system, kind)
    with transaction.atomic():
        for links in _chunks(lost.order_by("pk")):
            labels = applier.ours.labels([link.local_id for link in links])
            _note_gaps(
                check,
                kind,
                [Gap("gone", link.local_id, link.remote_id, labels.get(link.local_id, "")) for link in links],
            )
            _digest_ours(check, kind, links)
        check.results[kind]["is_ended"] = True
        check.save(update_fields=["results"])


@transaction.atomic
def end_check(*, check: CrmCheck) -> bool:
    """Close a reconciliation: gaps that it did not find are gone. Returns whether both sides are proven to be in step."""
    connection = CrmConnection.objects.select_for_update().get(pk=check.connection_id)
    CrmGap.objects.filter(connection=connection).exclude(check_seen=check).delete()
    left = CrmGap.objects.filter(connection=connection)
    now = timezone.now()
    places = ("page", "here", "is_ended")
    check.results = {
        kind: {name: value for name, value in result.items() if name not in places}
        for kind, result in check.results.items()
    }
    check.finished_at = now
    check.accepted = left.exclude(accepted_at=None).count()
    check.gaps = left.filter(accepted_at=None).count()
    check.save()
    is_proven = check.gaps == 0
    CrmConnection.objects.filter(pk=connection.pk).update(
        last_check_at=now, proven_at=now if is_proven else None
    )
    old = CrmCheck.objects.filter(connection=connection).order_by("-pk").values_list("pk", flat=True)[30:]
    CrmCheck.objects.filter(pk__in=list(old)).delete()
    CRM_CHECKED.record(
        by=system_viewer(connection.source),
        subject_id=connection.pk,
        detail={"gaps": check.gaps, "accepted": check.accepted, "results": check.results},
    )
    return is_proven


class _Page:
    """One page of theirs beside ours."""

    def __init__(self, check: CrmCheck, applier: Applier, page: Page) -> None:
        self.check, self.applier = check, applier
        self.kind = applier.kind
        self.result: dict[str, Any] = check.results[applier.kind]
        self.gaps: list[Gap] = []
        self.page = page

    def compare(self) -> None:
        """Count, sum and compare; store the records, so that what differs is decided again."""
        applier, connection = self.applier, self.applier.connection
        store_crm_records(connection=connection, system=applier.system, kind=self.kind, rows=self.page.rows)
        records = [found for raw in self.page.rows if (found := self._parsed(raw)) is not None]
        ids = [one.id for one in records]
        mine = CrmLink.objects.filter(connection=connection, object=self.kind, remote_id__in=ids)
        self.links = {link.remote_id: link for link in mine}
        stored = CrmRecord.objects.filter(connection=connection, object=self.kind, remote_id__in=ids)
        self.stored = {row.remote_id: row for row in stored}
        self.values = applier.ours.values([link.local_id for link in self.links.values()])
        self.labels = applier.ours.labels([link.local_id for link in self.links.values()])
        self.parents = self._linked_parents(records)
        for record in records:
            self._one(record)
        mine.update(seen_in_check=self.check.pk)
        _note_gaps(self.check, self.kind, self.gaps)
        again = [gap.remote_id for gap in self.gaps if gap.kind == CrmGap.Kind.DIFFERS]
        stored.filter(remote_id__in=again, state=CrmRecord.State.APPLIED).update(
            state=CrmRecord.State.WAITING
        )
        self.check.save(update_fields=["results"])

    def _parsed(self, raw: Any) -> RemoteRecord | None:
        try:
            return self.applier.system.parse(self.kind, raw)
        except (KeyError, TypeError, ValueError, AttributeError):
            self.result["theirs"] += 1
            some_id = (
                str((raw or {}).get("id") or (raw or {}).get("Id") or "?") if isinstance(raw, dict) else "?"
            )
            self.gaps.append(Gap("only_there", remote_id=some_id[:64], label="a record that cannot be read"))
            return None

    def _linked_parents(self, records: Iterable[RemoteRecord]) -> set[str]:
        if self.kind == ACCOUNT:
            return set()
        found = CrmLink.objects.filter(
            connection=self.applier.connection,
            object=ACCOUNT,
            state=CrmLink.State.LINKED,
            remote_id__in={one.account_id for one in records},
        )
        return set(found.values_list("remote_id", flat=True))

    def _one(self, record: RemoteRecord) -> None:
        link = self.links.get(record.id)
        if record.is_deleted:
            if link is not None and link.state != CrmLink.State.ERASED:
                self.gaps.append(Gap("gone", link.local_id, record.id, self.labels.get(link.local_id, "")))
            return
        is_ours = self.kind == ACCOUNT or record.account_id in self.parents
        if link is None and not (is_ours and record.is_relevant):
            return
        if link is not None and link.state == CrmLink.State.ERASED:
            return
        self.result["theirs"] += 1
        row = self.stored.get(record.id)
        if link is None:
            if row is not None and row.state == CrmRecord.State.WAITING:
                self.result["in_flight"] += 1
            else:
                self.gaps.append(Gap("only_there", remote_id=record.id, label=_name_of(self.applier, record)))
            _add_digest(self.result, 1, record.id)
            return
        self.result["linked"] += 1
        _add_digest(self.result, 0, record.id)
        _add_digest(self.result, 1, record.id)
        self._compare_fields(link, record, row)

    def _compare_fields(self, link: CrmLink, record: RemoteRecord, row: CrmRecord | None) -> None:
        ours = self.values.get(link.local_id)
        if ours is None:
            self.gaps.append(Gap("only_there", remote_id=record.id, label=_name_of(self.applier, record)))
            return
        try:
            theirs = self.applier.theirs(record)
        except ValueError as error:
            fields = {"error": ["", str(error)[:200]]}
            self._differs(link, record, fields)
            return
        differing = {
            pair.ours: [ours[pair.ours][:200], theirs[pair.ours][:200]]
            for pair in self.applier.pairs
            if not self.applier.ours.fields[pair.ours].match_only
            and ours[pair.ours] != theirs[pair.ours]
            and link.values.get(pair.ours) != [ours[pair.ours], theirs[pair.ours]]
        }
        self._add_sums(ours, theirs)
        is_on_its_way = link.push_version > link.pushed_version and not link.push_error
        is_unread = row is not None and row.state == CrmRecord.State.WAITING
        if not differing:
            self.result["in_step"] += 1
        elif is_on_its_way or is_unread:
            self.result["in_flight"] += 1
        else:
            self._differs(link, record, differing)

    def _differs(self, link: CrmLink, record: RemoteRecord, fields: Mapping[str, Any]) -> None:
        label = self.labels.get(link.local_id, "")
        self.gaps.append(Gap("differs", link.local_id, record.id, label, fields))

    def _add_sums(self, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
        """Add the ARR of both sides, in the currency that the record has here."""
        if not any(pair.ours == "arr" for pair in self.applier.pairs):
            return
        sums = self.result["sums"].setdefault(ours.get("currency", ""), ["0", "0"])
        for side, text in ((0, ours["arr"]), (1, theirs["arr"])):
            sums[side] = str(Decimal(sums[side]) + Decimal(text or 0))


def _name_of(applier: Applier, record: RemoteRecord) -> str:
    theirs = {pair.ours: pair.theirs for pair in applier.pairs}
    names = [theirs[ours] for ours in ("name", "product", "email", "domain") if ours in theirs]
    return next((record.values[name] for name in names if record.values.get(name)), record.id)[:200]


def _digest_ours(check: CrmCheck, kind: str, links: Sequence[CrmLink]) -> None:
    for link in links:
        _add_digest(check.results[kind], 0, link.remote_id)


def _add_digest(result: dict[str, Any], side: int, remote_id: str) -> None:
    """Add an id to the checksum of a side: a sum of digests, so that the order does not matter."""
    number = int(hashlib.sha256(remote_id.encode()).hexdigest()[:16], 16)
    result["id_digests"][side] = (result["id_digests"][side] + number) % _DIGEST_SPACE


def _note_gaps(check: CrmCheck, kind: str, gaps: Sequence[Gap]) -> None:
    """Write gaps down in the caller's transaction; one that is known keeps its time and whether it was accepted."""
    rows = CrmGap.objects.filter(connection=check.connection, object=kind)
    local_ids = [gap.local_id for gap in gaps if gap.local_id is not None]
    remote_ids = [gap.remote_id for gap in gaps if gap.local_id is None]
    known = {
        (row.kind, row.local_id, row.remote_id if row.local_id is None else ""): row
        for row in rows.filter(Q(local_id__in=local_ids) | Q(local_id=None, remote_id__in=remote_ids))
    }
    made, seen = [], []
    for gap in gaps:
        key = (gap.kind, gap.local_id, gap.remote_id if gap.local_id is None else "")
        row = known.get(key)
        if row is None:
            row = CrmGap(connection=check.connection, object=kind, kind=gap.kind, local_id=gap.local_id)
            known[key] = row
            made.append(row)
        elif row.pk is not None:
            seen.append(row)
            if row.fields != dict(gap.fields):
                # Another difference than the one that was accepted.
                row.accepted_at = row.accepted_by = None
                row.accepted_because = ""
        row.check_seen, row.remote_id, row.label, row.fields = (
            check,
            gap.remote_id,
            gap.label[:200],
            dict(gap.fields),
        )
    CrmGap.objects.bulk_create(made, batch_size=500)
    CrmGap.objects.bulk_update(
        seen,
        ["check_seen", "remote_id", "label", "fields", "accepted_at", "accepted_by", "accepted_because"],
        batch_size=200,
    )


def _chunks(rows: QuerySet[CrmLink]) -> Iterable[Sequence[CrmLink]]:
    after = 0
    while found := list(rows.filter(pk__gt=after)[:PAGE]):
        yield found
        after = found[-1].pk
