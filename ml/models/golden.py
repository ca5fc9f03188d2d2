"""The cases that must never go wrong again."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from people.viewer import Viewer


class GoldenCaseQuerySet(models.QuerySet["GoldenCase"]):
    """Reads of golden cases."""

    def visible_to(self, viewer: Viewer) -> "GoldenCaseQuerySet":
        """Return the cases a viewer may see; what a subject's case says is shown to who may see the subject."""
        return self if viewer.can("ml.view") else self.none()

    def in_force(self, task: str) -> "GoldenCaseQuerySet":
        """Return what the gate asks every new version of a task."""
        return self.filter(task=task, retired_at=None)


class GoldenCase(models.Model):
    """A case that every version of a task must answer with ``label``; erased together with its subject.

    ``text`` and ``features`` are a copy of what the model reads, so that the case stays the same when the subject changes. They
    are emptied when the case is retired.
    """

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32, blank=True)
    subject_id = models.BigIntegerField(null=True)
    text = models.TextField(blank=True)
    features = models.JSONField(default=dict)
    label = models.CharField(max_length=120)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)

    objects: ClassVar[GoldenCaseQuerySet] = GoldenCaseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "subject_kind", "subject_id"],
                condition=Q(retired_at=None, subject_id__isnull=False),
                name="one_golden_case_per_subject",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["task"], name="golden_task")]
