"""What models said about subjects: the answer in force, and what a version in the shadow would have said."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.version import ModelVersion


class Prediction(models.Model):
    """One prediction per task and subject: label, calibrated probability, alternatives and reasons.

    ``version`` is null when no trained version served (cold start, rule); ``source`` then says what did, and ``failure``
    why ``failed_version`` did not. ``facts`` are numbers, words and flags about the input that drift is watched by.
    """

    class Role(models.TextChoices):
        """As what the version answered; ``baseline`` are the task's own rules."""

        CHAMPION = "champion", _("Champion")
        CANARY = "canary", _("Canary")
        BASELINE = "baseline", _("Rules")

    class Failure(models.TextChoices):
        """Why the version that should have answered did not."""

        LOAD = "load", _("Cannot be loaded")
        ERROR = "error", _("Failed")
        SLOW = "slow", _("Too slow")
        OPEN = "open", _("Left alone after failures")

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.BASELINE)
    source = models.CharField(max_length=64)
    label = models.CharField(max_length=120)
    probability = models.FloatField()
    abstained = models.BooleanField(default=False)
    # What its class let be done with it (``ClassMode.Mode``); empty where the model itself abstained or has no modes.
    mode = models.CharField(max_length=10, blank=True)
    alternatives = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    input_digest = models.CharField(max_length=64, blank=True)
    latency_ms = models.FloatField(null=True)
    failure = models.CharField(max_length=8, choices=Failure.choices, blank=True)
    failed_version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "subject_kind", "subject_id"], name="one_prediction_per_subject"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["task", "-created_at"], name="prediction_recent"),
            models.Index(fields=["version", "id"], name="prediction_of_version"),
        ]


class ShadowPrediction(models.Model):
    """What a version in the shadow says about a subject that another one has answered; nothing acts on it."""

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    label = models.CharField(max_length=120)
    probability = models.FloatField()
    abstained = models.BooleanField(default=False)
    latency_ms = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "subject_kind", "subject_id"], name="one_shadow_answer"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["task", "subject_id"], name="shadow_subject")]
