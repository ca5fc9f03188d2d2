"""Versions of models and the names under which they serve."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Approval
from ml.models.run import TrainingRun


class ModelVersion(models.Model):
    """One trained model: its files (SHA-256 each), how it was made, its held-out figures and the baseline's beside them.

    Immutable once stored, except for its stage and for what the daily look at its files found.
    """

    class Stage(models.TextChoices):
        """A ``candidate`` passed the gates; an ``approved`` one may serve; ``live`` is the champion; ``retired`` and
        ``rejected`` ones never serve (again)."""

        CANDIDATE = "candidate", _("Candidate")
        APPROVED = "approved", _("Approved")
        LIVE = "live", _("In service")
        RETIRED = "retired", _("Retired")
        REJECTED = "rejected", _("Rejected")

    SERVABLE: ClassVar = (Stage.APPROVED, Stage.LIVE)

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
    stage_reason = models.TextField(blank=True)
    verified_at = models.DateTimeField(null=True)
    # What is wrong with the files; empty: nothing.
    defect = models.TextField(blank=True)
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
    """Which version serves a task under a name; a canary answers for ``share`` percent of the subjects. Without a champion
    the task's own rules answer."""

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


class AliasChange(models.Model):
    """One move of an alias, never changed: who, why, and by whose approval. No version means the task's own rules."""

    class Kind(models.TextChoices):
        """What let the move happen. A champion is promoted with an approval only; the table insists."""

        FIRST = "first", _("First version, without a second person")
        PROMOTION = "promotion", _("Promotion of an approved version")
        ROLLBACK = "rollback", _("Rollback by a person")
        AUTOMATIC_ROLLBACK = "automatic_rollback", _("Automatic rollback")
        TRIAL = "trial", _("Canary or shadow")
        END = "end", _("End of a trial")

    task = models.CharField(max_length=64)
    name = models.CharField(max_length=16, choices=ModelAlias.Name.choices)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    from_version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    to_version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    share = models.PositiveSmallIntegerField(default=100)
    approval = models.ForeignKey(Approval, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(kind="promotion") | models.Q(approval__isnull=False),
                name="promotion_with_approval",
            ),
            models.CheckConstraint(
                condition=~models.Q(name="champion")
                | models.Q(kind__in=["first", "promotion", "rollback", "automatic_rollback"]),
                name="champion_by_approval_or_rollback",
            ),
            models.UniqueConstraint(
                fields=["task"], condition=models.Q(kind="first"), name="one_first_version_per_task"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["task", "name", "-id"], name="alias_history")]
