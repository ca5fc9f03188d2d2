"""What was done with a person's data: exports that can be fetched for a while, and erasures with their certificate."""

from typing import ClassVar

from django.db import models

from customers.models.contact import Contact
from people.viewer import Viewer


class ContactExportQuerySet(models.QuerySet["ContactExport"]):
    """Reads of exports."""

    def visible_to(self, viewer: Viewer) -> "ContactExportQuerySet":
        """Return the exports that a viewer has asked for; nobody else may fetch them."""
        if not viewer.can("customers.erase") or viewer.actor_id is None:
            return self.none()
        return self.filter(actor_kind=viewer.actor_kind, actor_id=viewer.actor_id)


class ContactExport(models.Model):
    """Everything that is kept about a person, in one ZIP file, until ``expires_at``; then the file is deleted.

    ``storage_key`` is random and empty while the file is being made and after it was deleted.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="exports")
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    requested_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    storage_key = models.CharField(max_length=80, blank=True)
    size = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager["ContactExport"]] = models.Manager.from_queryset(ContactExportQuerySet)()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["contact", "-id"], name="contact_export_newest")]


class ContactErasure(models.Model):
    """The certificate of an erasure: who asked when, when it was done, how many rows of what were emptied or deleted."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="erasures")
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contact"], condition=models.Q(finished_at=None), name="one_running_erasure"
            )
        ]
