"""Archives: the whole installation in one ZIP file, for whoever has asked for it."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from core.job_runner import OPEN
from core.models import Job
from imports.models.run import new_reference
from people.viewer import Viewer


class ArchiveQuerySet(models.QuerySet["Archive"]):
    """Reads of archives."""

    def visible_to(self, viewer: Viewer) -> "ArchiveQuerySet":
        """Return those that a person who may change settings has asked for; nobody else may fetch them."""
        if not viewer.can("settings.manage") or viewer.user_id is None:
            return self.none()
        return self.filter(made_by_id=viewer.user_id)


class Archive(models.Model):
    """One archive; the file is deleted at ``expires_at``. ``parts`` are the pieces while it is being made."""

    reference = models.CharField(max_length=32, unique=True, default=new_reference)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    storage_key = models.CharField(max_length=120, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    files = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Archive"]] = models.Manager.from_queryset(ArchiveQuerySet)()

    class Meta:
        ordering: ClassVar = ["-pk"]

    @property
    def folder(self) -> str:
        """Where its files lie in the storage."""
        return f"archives/{self.reference}"

    @property
    def is_open(self) -> bool:
        """Whether it is being made."""
        return self.job is not None and self.job.state in OPEN
