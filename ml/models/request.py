"""What clients ask models about: a question that a worker answers, since web processes load no model."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from ml.models.version import ModelVersion
from people.viewer import Viewer


class PredictionRequestQuerySet(models.QuerySet["PredictionRequest"]):
    """Reads of questions."""

    def visible_to(self, viewer: Viewer) -> "PredictionRequestQuerySet":
        """Return the viewer's own questions: nobody reads what somebody else asked."""
        if viewer.kind == "system":
            return self
        if not viewer.can("ml.view"):
            return self.none()
        return self.asked_by(viewer)

    def asked_by(self, viewer: Viewer) -> "PredictionRequestQuerySet":
        """Return what a person or a key has asked."""
        own = Q(pk__in=[])
        if viewer.api_key_id is not None:
            own = Q(api_key_id=viewer.api_key_id)
        elif viewer.user_id is not None:
            own = Q(user=viewer.user_id, api_key_id=None)
        return self.filter(own)


class PredictionRequest(models.Model):
    """One question to a task, about a ``text`` or about a stored subject, and what was answered.

    Nothing acts on the answer and the watch over models does not count it. The text is emptied with the answer, and the row is
    deleted after a day.
    """

    task = models.CharField(max_length=64)
    text = models.TextField(blank=True)
    subject_id = models.BigIntegerField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    api_key_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)
    # Which version answered; null with an answer: the task's own rules did.
    version = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=120, blank=True)
    probability = models.FloatField(null=True)
    abstained = models.BooleanField(default=False)
    alternatives = models.JSONField(default=list)

    objects: ClassVar[PredictionRequestQuerySet] = PredictionRequestQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(answered_at=None), name="request_waiting"),
            models.Index(fields=["created_at"], name="request_age"),
        ]

    @property
    def state(self) -> str:
        """``waiting`` or ``answered``."""
        return "waiting" if self.answered_at is None else "answered"
