"""What people say about predictions; the labels of the next training."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Feedback(models.Model):
    """A true label for a subject of a task: an agent's correction or confirmation, or the final state of the subject."""

    class Source(models.TextChoices):
        """Where the label comes from."""

        CORRECTION = "correction"
        CONFIRMATION = "confirmation"
        FINAL_STATE = "final_state"

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    prediction = models.ForeignKey("ml.Prediction", models.SET_NULL, null=True, related_name="feedback")
    predicted_label = models.CharField(max_length=120, blank=True)
    label = models.CharField(max_length=120)
    source = models.CharField(max_length=16, choices=Source.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["task", "subject_kind", "subject_id"], name="feedback_subject"),
        ]
