"""What people say about predictions; the labels of the next training."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from people.viewer import Viewer


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    """Reads of labels."""

    def visible_to(self, viewer: Viewer) -> "FeedbackQuerySet":
        """Return the labels a viewer may see; they name subjects by id only."""
        return self if viewer.can("ml.view") else self.none()


class Feedback(models.Model):
    """A true label for a subject of a task: what an agent corrected or confirmed, how the subject ended, or an audit.

    Audits are drawn at random and answered without seeing the prediction, ``inclusion_probability`` is the chance that this
    one was drawn: only they say how often a model is right, for nobody corrects everything that is wrong.
    """

    class Source(models.TextChoices):
        """Where the label comes from."""

        CORRECTION = "correction"
        CONFIRMATION = "confirmation"
        FINAL_STATE = "final_state"
        BLIND_AUDIT = "blind_audit"
        QA = "qa"

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    prediction = models.ForeignKey("ml.Prediction", models.SET_NULL, null=True, related_name="feedback")
    version = models.ForeignKey("ml.ModelVersion", models.SET_NULL, null=True, related_name="+")
    predicted_label = models.CharField(max_length=120, blank=True)
    label = models.CharField(max_length=120)
    source = models.CharField(max_length=16, choices=Source.choices)
    inclusion_probability = models.FloatField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Feedback"]] = models.Manager.from_queryset(FeedbackQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(inclusion_probability=None)
                | models.Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="feedback_chance_is_one",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["task", "subject_kind", "subject_id"], name="feedback_subject"),
            models.Index(fields=["version", "source", "id"], name="feedback_of_version"),
        ]
