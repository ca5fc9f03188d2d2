"""Versions of models and the names under which they serve."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.run import TrainingRun


class ModelVersion(models.Model):
    """One trained model: its files (SHA-256 each), how it was made, its held-out figures and the baseline's beside them.

    Immutable once stored, except for its stage.
    """

    class Stage(models.TextChoices):
        """``rejected`` versions did not beat their baseline and never serve."""

        CANDIDATE = "candidate"
        LIVE = "live"
        RETIRED = "retired"
        REJECTED = "rejected"

    task = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, models.PROTECT, null=True, related_name="version")
    kind = models.CharField(max_length=64)
    path = models.CharField(max_length=255, blank=True)
    files = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    baseline_metrics = models.JSONField(default=dict)
    training = models.JSONField(default=dict)
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.CANDIDATE)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "number"], name="one_number_per_task"),
        ]
        ordering: ClassVar = ["task", "-number"]

    def __str__(self) -> str:
        return f"{self.task} v{self.number}"

    @property
    def label(self) -> str:
        """The name that predictions and REST answers carry, ``routing-v3``."""
        return f"{self.task}-v{self.number}"


class ModelAlias(models.Model):
    """Which version serves a task under a name; a canary answers for ``share`` percent of the subjects."""

    class Name(models.TextChoices):
        """What a version may serve as."""

        CHAMPION = "champion", _("Champion")
        CANARY = "canary", _("Canary")
        SHADOW = "shadow", _("Shadow")

    task = models.CharField(max_length=64)
    name = models.CharField(max_length=16, choices=Name.choices, default=Name.CHAMPION)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    share = models.PositiveSmallIntegerField(default=100)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "name"], name="one_alias_per_task"),
            models.CheckConstraint(condition=models.Q(share__lte=100), name="alias_share_in_percent"),
        ]
