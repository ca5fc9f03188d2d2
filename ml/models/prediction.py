"""What a model said about a subject."""

from typing import ClassVar

from django.db import models

from ml.models.version import ModelVersion


class Prediction(models.Model):
    """One prediction per task and subject: label, calibrated probability, alternatives and reasons.

    ``version`` is null when no trained version served (cold start, rule); ``source`` then says what did.
    """

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    source = models.CharField(max_length=64)
    label = models.CharField(max_length=120)
    probability = models.FloatField()
    abstained = models.BooleanField(default=False)
    alternatives = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    input_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "subject_kind", "subject_id"], name="one_prediction_per_subject"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["task", "-created_at"], name="prediction_recent")]
