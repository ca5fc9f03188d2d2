"""Trainings: what was asked for, from which rows and code, and what came of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.dataset import DatasetSnapshot


class TrainingRun(models.Model):
    """One training of one task. Carried out once, in a process of its own; the same run again gives the same content."""

    class Trigger(models.TextChoices):
        """Why it was started."""

        MANUAL = "manual", _("By a person")
        FIRST = "first", _("First training")
        SCHEDULE = "schedule", _("By schedule")
        LABELS = "labels", _("New labels")
        DRIFT = "drift", _("Drift")
        LABEL_SET = "label_set", _("Other labels")
        RERUN = "rerun", _("The same again")

    class State(models.TextChoices):
        """``refused``: the data does not allow it (too few rows, a blocking check)."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused by the data")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN: ClassVar = (State.QUEUED, State.RUNNING)

    task = models.CharField(max_length=64)
    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    snapshot = models.ForeignKey(DatasetSnapshot, models.PROTECT, null=True, related_name="runs")
    params = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    repeats = models.ForeignKey("self", models.SET_NULL, null=True, related_name="repetitions")
    # For a repetition: whether the content is the same.
    reproduced = models.BooleanField(null=True)
    code_digest = models.CharField(max_length=64, blank=True)
    environment = models.JSONField(default=dict)
    environment_digest = models.CharField(max_length=64, blank=True)
    process = models.CharField(max_length=120, blank=True)
    beat_at = models.DateTimeField(null=True)
    cpu_seconds = models.FloatField(null=True)
    peak_megabytes = models.FloatField(null=True)
    log = models.TextField(blank=True)
    error = models.TextField(blank=True)
    held_out_path = models.CharField(max_length=255, blank=True)
    held_out_sha256 = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_open_run_per_task",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} run {self.pk}"
