"""An import, its rows, and what the objects of other systems became here."""

import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.job_runner import OPEN
from core.models import Job
from people.viewer import Viewer


def new_reference() -> str:
    """Return the random name of an import, which its files lie under."""
    return secrets.token_hex(16)


class ImportQuerySet(models.QuerySet["Import"]):
    """Reads of imports."""

    def visible_to(self, viewer: Viewer) -> "ImportQuerySet":
        """Return all for who may import: rows hold what the whole installation holds; none for others."""
        return self if viewer.can("imports.manage") else self.none()


class Import(models.Model):
    """One import of files from another system.

    ``system`` names the installation over there: rows of a later import with the same one are known again. ``files`` are
    ``{name, key, size, sha256}`` in the storage, or ``{name, path}`` on this machine when a command named them. ``place`` is how
    far the files have been read: the number of the file inside and of the records taken from it. ``mapping`` translates the
    values (or, for tables, the columns) of the source; ``found`` are those that were seen, with how often.
    """

    class State(models.TextChoices):
        """Where it stands; what a job is doing now is told by the job."""

        UPLOADED = "uploaded", _("Being read")
        READ = "read", _("Ready to map")
        CHECKED = "checked", _("Checked")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")
        FAILED = "failed", _("Refused")

    reference = models.CharField(max_length=32, unique=True, default=new_reference)
    source = models.CharField(_("source"), max_length=24)
    system = models.CharField(_("system"), max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    files = models.JSONField(default=list)
    place = models.JSONField(default=dict)
    found = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    left = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    files_deleted_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Import"]] = models.Manager.from_queryset(ImportQuerySet)()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.system} {self.pk}"

    @property
    def is_busy(self) -> bool:
        """Whether a job works on it."""
        return self.job is not None and self.job.state in OPEN

    @property
    def is_stuck(self) -> bool:
        """Whether its job has failed or was stopped, so that somebody has to go on or give up."""
        return self.job is not None and self.job.state in (Job.State.FAILED, Job.State.CANCELLED)


class ImportRow(models.Model):
    """One record of the source. ``data`` is in the neutral form (of a table: the cells) and empty once nobody needs it.

    ``parent`` is the external id of the ticket that a message belongs to. ``error`` says why it is refused.
    """

    class Outcome(models.TextChoices):
        """What became of it."""

        WAITING = "", _("Waiting")
        CREATED = "created", _("Created")
        UPDATED = "updated", _("Updated")
        SKIPPED = "skipped", _("Already here")
        REFUSED = "refused", _("Refused")
        UNDONE = "undone", _("Removed again")

    run = models.ForeignKey(Import, models.CASCADE, related_name="rows")
    kind = models.CharField(max_length=12)
    file = models.CharField(max_length=200, blank=True)
    line = models.PositiveBigIntegerField(default=0)
    external_id = models.CharField(max_length=160, blank=True)
    parent = models.CharField(max_length=160, blank=True)
    data = models.JSONField(default=dict)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.WAITING, blank=True)
    error = models.CharField(max_length=500, blank=True)
    object_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["run", "kind", "outcome", "id"], name="import_row_next"),
            models.Index(fields=["run", "kind", "parent"], name="import_row_parent"),
            models.Index(fields=["run", "kind", "external_id"], name="import_row_external"),
        ]


class ExternalRef(models.Model):
    """What an object of another system became here. ``kind`` is account, contact, staff, ticket or message.

    ``digest`` is that of the record as it was last written: the same one again changes nothing. ``stamp`` is the version of the
    ticket at that moment; a later one says that somebody has worked on it here. ``made_by`` is the import that made the object,
    None when the object was here before.
    """

    system = models.CharField(max_length=64)
    kind = models.CharField(max_length=12)
    external_id = models.CharField(max_length=160)
    object_id = models.BigIntegerField()
    digest = models.CharField(max_length=64, blank=True)
    stamp = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(Import, models.SET_NULL, null=True, related_name="made")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["system", "kind", "external_id"], name="one_object_per_external_id"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "object_id"], name="external_ref_object")]


Values = dict[str, Any]
