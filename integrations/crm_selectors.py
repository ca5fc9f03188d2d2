"""Reads of connections with CRMs: how each stands, what is wrong with it, what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from core.job_runner import OPEN
from core.models import Job
from integrations.crm.contract import OBJECTS
from integrations.models import (
    CrmCheck,
    CrmConflict,
    CrmConnection,
    CrmField,
    CrmGap,
    CrmLink,
    CrmRecord,
    CrmStream,
)
from integrations.services.sync_crm import CHECK_KIND, SYNC_KIND
from people.viewer import Viewer


@dataclass(frozen=True)
class ObjectStanding:
    """One object of a connection: linked records, states of stored ones, what is to be sent, and the last comparison."""

    object: str
    linked: int
    records: Mapping[str, int]
    to_send: int
    not_sent: int
    watermark: datetime | None
    checked: Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """How a connection stands. ``lag_seconds`` is how long ago the last pass came to its end."""

    connection: CrmConnection
    objects: list[ObjectStanding]
    lag_seconds: float | None
    gaps: Mapping[str, int]
    accepted: int
    check: CrmCheck | None
    jobs: Mapping[str, Job]

    @property
    def failed(self) -> int:
        """Records that could not be read or sent."""
        return sum(one.records.get(CrmRecord.State.FAILED, 0) + one.not_sent for one in self.objects)


def crm_connections(viewer: Viewer) -> QuerySet[CrmConnection]:
    """Return the connections that a viewer may see, by name."""
    return CrmConnection.objects.visible_to(viewer)


def standing_of(connection: CrmConnection) -> Standing:
    """Return how a connection stands, in constant queries."""
    records: dict[str, dict[str, int]] = {kind: {} for kind in OBJECTS}
    counted = CrmRecord.objects.filter(connection=connection).values_list("object", "state")
    for kind, state, number in counted.annotate(number=Count("pk")).order_by():
        records[kind][state] = number
    is_due = Q(push_version__gt=F("pushed_version"), state=CrmLink.State.LINKED)
    links: dict[str, dict[str, Any]] = {
        row["object"]: dict(row)
        for row in CrmLink.objects.filter(connection=connection)
        .values("object")
        .order_by()
        .annotate(
            linked=Count("pk", filter=Q(state=CrmLink.State.LINKED)),
            to_send=Count("pk", filter=is_due & Q(push_error="")),
            not_sent=Count("pk", filter=~Q(push_error="")),
        )
    }
    streams = dict(CrmStream.objects.filter(connection=connection).values_list("object", "watermark"))
    check = CrmCheck.objects.filter(connection=connection).exclude(finished_at=None).order_by("-pk").first()
    mapped = set(CrmField.objects.filter(connection=connection).values_list("object", flat=True))
    objects = [
        ObjectStanding(
            kind,
            links.get(kind, {}).get("linked", 0),
            records[kind],
            links.get(kind, {}).get("to_send", 0),
            links.get(kind, {}).get("not_sent", 0),
            streams.get(kind),
            check.results.get(kind, {}) if check is not None else {},
        )
        for kind in OBJECTS
        if kind in mapped
    ]
    gaps: dict[str, int] = {}
    accepted = 0
    for kind, is_open, number in (
        CrmGap.objects.filter(connection=connection)
        .annotate(is_open=Q(accepted_at=None))
        .values_list("kind", "is_open")
        .annotate(number=Count("pk"))
        .order_by()
    ):
        if is_open:
            gaps[kind] = number
        else:
            accepted += number
    jobs = Job.objects.filter(kind__in=[SYNC_KIND, CHECK_KIND], key=str(connection.pk), state__in=OPEN)
    last = connection.last_pass_at
    return Standing(
        connection=connection,
        objects=objects,
        lag_seconds=None if last is None else (timezone.now() - last).total_seconds(),
        gaps=gaps,
        accepted=accepted,
        check=check,
        jobs={job.kind: job for job in jobs},
    )


def crm_gaps(connection: CrmConnection, *, kind: str = "", accepted: bool | None = False) -> QuerySet[CrmGap]:
    """Return the gaps of the last reconciliation, newest first; ``accepted`` None for all."""
    rows = CrmGap.objects.filter(connection=connection).select_related("accepted_by").order_by("-pk")
    if kind:
        rows = rows.filter(kind=kind)
    return rows if accepted is None else rows.filter(accepted_at__isnull=not accepted)


def crm_records(connection: CrmConnection, *, state: str = "") -> QuerySet[CrmRecord]:
    """Return stored records in a state, newest first; without one those that failed. Their raw form is left out."""
    rows = CrmRecord.objects.filter(connection=connection, state=state or CrmRecord.State.FAILED)
    return rows.defer("raw").order_by("-pk")


def crm_refusals(connection: CrmConnection) -> QuerySet[CrmLink]:
    """Return the links whose fields the CRM refused, newest first."""
    return CrmLink.objects.filter(connection=connection).exclude(push_error="").order_by("-pk")


def crm_conflicts(connection: CrmConnection) -> QuerySet[CrmConflict]:
    """Return what was overruled, newest first."""
    return CrmConflict.objects.filter(link__connection=connection).select_related("link").order_by("-pk")
