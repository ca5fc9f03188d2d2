"""Lists of tickets that somebody takes out as a file."""

import secrets
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Job
from people.viewer import Viewer


def _new_reference() -> str:
    return secrets.token_hex(12)


class TicketExportQuerySet(models.QuerySet["TicketExport"]):
    """Reads of exports."""

    def visible_to(self, viewer: Viewer) -> "TicketExportQuerySet":
        """Return the exports that a viewer has asked for; nobody else sees or fetches them."""
        if not viewer.can("tickets.view") or viewer.actor_id is None:
            return self.none()
        return self.filter(actor_kind=viewer.actor_kind, actor_id=viewer.actor_id)


class TicketExport(models.Model):
    """A list of tickets as a file: what was asked (``condition`` of the view at that time, ``filters``, ``columns``), by whom.

    A job writes it. The file can be fetched until ``expires_at`` by who has asked and still has every right of
    ``rights`` (``{"permissions": [...], "teams": [...]}``: all that the asker had when it was asked for and when its parts
    were written). ``storage_key`` is empty until then and afterwards.
    """

    class Format(models.TextChoices):
        """The form of the file."""

        CSV = "csv", _("CSV")
        XLSX = "xlsx", _("Excel file")

    class State(models.TextChoices):
        """Life of an export, as its job and its file say."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")

    reference = models.CharField(max_length=24, unique=True, default=_new_reference)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField()
    rights = models.JSONField(default=dict)
    view = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=120)
    condition = models.JSONField(default=dict)
    filters = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    format = models.CharField(max_length=8, choices=Format.choices)
    timezone = models.CharField(max_length=64, default="UTC")
    total = models.PositiveIntegerField(default=0)
    count = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    storage_key = models.CharField(max_length=120, blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["TicketExport"]] = models.Manager.from_queryset(TicketExportQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["actor_kind", "actor_id", "-id"], name="ticket_export_own"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(cleared_at__isnull=True),
                name="ticket_export_over",
            ),
        ]

    @property
    def state(self) -> "TicketExport.State":
        """How far it is; reads the job."""
        if self.job is not None and self.job.state == Job.State.CANCELLED:
            return self.State.CANCELLED
        if self.expires_at <= timezone.now():
            return self.State.EXPIRED
        if self.storage_key:
            return self.State.READY
        if self.job is None or self.job.state in {Job.State.FAILED, Job.State.DONE}:
            return self.State.FAILED
        return self.State.QUEUED if self.job.state == Job.State.QUEUED else self.State.RUNNING

    @property
    def is_open(self) -> bool:
        """Whether the file is still being made."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    @property
    def file_name(self) -> str:
        """What the file is called when it is saved."""
        return f"{self.name}-{self.requested_at.date().isoformat()}.{self.format}"

    @property
    def folder(self) -> str:
        """Where its files are in the storage."""
        return f"exports/tickets/{self.reference}"
