"""How a version in service fares: one row for each time that it was asked through the door."""

from typing import ClassVar

from django.db import models

from ml.models.prediction import Prediction
from ml.models.version import ModelVersion


class ServedCall(models.Model):
    """A version was asked about ``answers`` subjects at once: it took ``latency_ms`` for each, or failed (``failure``).

    Of every task, whatever becomes of the answers; it says nothing about the subjects. ``latency_ms`` is null where nothing
    was tried, as the version was left alone.
    """

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    answers = models.PositiveIntegerField()
    failure = models.CharField(max_length=8, choices=Prediction.Failure.choices, blank=True)
    latency_ms = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["version", "id"], name="call_of_version"),
            models.Index(fields=["created_at"], name="call_made"),
        ]
