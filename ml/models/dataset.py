"""Snapshots of training data, and what was checked about them."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class DatasetSnapshot(models.Model):
    """The rows of a task as they were at one moment, in a file under ``MODEL_DIR``; training reads nothing else.

    ``digest`` is the fingerprint of the rows in any order. The rows of erased subjects are emptied in the file, whose
    ``file_sha256`` then changes; their digests stay, and with them the fingerprint.
    """

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    rows = models.PositiveIntegerField()
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    schema = models.JSONField(default=dict)
    # Registered features among them, with the version that their definition had.
    feature_versions = models.JSONField(default=dict)
    label_counts = models.JSONField(default=dict)
    slice_counts = models.JSONField(default=dict)
    label_sources = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    path = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    erased_rows = models.PositiveIntegerField(default=0)
    erased_at = models.DateTimeField(null=True)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["task", "digest"], name="snapshot_digest")]

    def __str__(self) -> str:
        return f"{self.task} {self.digest[:12]}"


class DataCheck(models.Model):
    """What one check saw in a snapshot. A failed check of severity ``block`` stops the training."""

    class Severity(models.TextChoices):
        """What a failure means."""

        BLOCK = "block"
        WARN = "warn"

    snapshot = models.ForeignKey(DatasetSnapshot, models.CASCADE, related_name="checks")
    check_key = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    ok = models.BooleanField()
    observed = models.CharField(max_length=200, blank=True)
    threshold = models.CharField(max_length=200, blank=True)
    # Ids of subjects that show the defect, a few of them.
    samples = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "check_key"], name="one_result_per_check"),
        ]
