"""What the gates said about a version."""

from typing import ClassVar

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
