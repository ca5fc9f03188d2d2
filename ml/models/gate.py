"""What the gates said about a version, and the cases that must never go wrong again."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from ml.models.version import ModelVersion


class GateResult(models.Model):
    """One gate's verdict about one version; ``skipped`` gates did not apply and say why."""

    class State(models.TextChoices):
        """The verdict."""

        PASSED = "passed"
        FAILED = "failed"
        SKIPPED = "skipped"

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="gates")
    gate = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices)
    observed = models.CharField(max_length=300, blank=True)
    threshold = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "gate"], name="one_verdict_per_gate"),
        ]


class GoldenCase(models.Model):
    """A case that every version of a task must answer with ``label``; erased together with its subject."""

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32, blank=True)
    subject_id = models.BigIntegerField(null=True)
    text = models.TextField(blank=True)
    features = models.JSONField(default=dict)
    label = models.CharField(max_length=120)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["task"], name="golden_task")]
