"""Long work a person can see: leased, resumable, cancellable, with its log."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """Work done in slices of under a minute. ``cursor`` says where the next slice starts, so a killed worker loses one slice."""

    class State(models.TextChoices):
        """Life of a job."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=120)
    queue = models.CharField(max_length=16, default="batch")
    params = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    error = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_open_job_per_key",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "queue", "id"], name="job_state")]

    @property
    def progress(self) -> float | None:
        """Share done, 0..1, or None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None


class JobLog(models.Model):
    """One line of a job's log."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="log")
    at = models.DateTimeField(auto_now_add=True)
    line = models.TextField()
