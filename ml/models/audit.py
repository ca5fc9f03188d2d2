"""The blind audit: subjects drawn at random for a person to label without seeing what the model said."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.version import ModelVersion
from people.viewer import Viewer


class AuditItemQuerySet(models.QuerySet["AuditItem"]):
    """Reads of audit items."""

    def visible_to(self, viewer: Viewer) -> "AuditItemQuerySet":
        """Return the items a viewer may see; what their subjects say is shown by the task, to who may see the subject."""
        return self if viewer.can("ml.view") else self.none()


class AuditItem(models.Model):
    """One drawn subject. ``predicted_label`` is not shown before the item is answered.

    ``stratum`` is the part of the day's predictions that it was drawn from, ``inclusion_probability`` the chance to be drawn.
    """

    class State(models.TextChoices):
        """Life of an item."""

        OPEN = "open", _("Open")
        ANSWERED = "answered", _("Answered")
        SKIPPED = "skipped", _("Skipped")
        ERASED = "erased", _("Erased")

    class Stratum(models.TextChoices):
        """The least certain third of the day, and the rest."""

        UNSURE = "unsure", _("Unsure")
        SURE = "sure", _("Sure")

    task = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    version = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, related_name="+")
    predicted_label = models.CharField(max_length=120)
    stratum = models.CharField(max_length=8, choices=Stratum.choices)
    inclusion_probability = models.FloatField()
    day = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    label = models.CharField(max_length=120, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    drawn_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["AuditItem"]] = models.Manager.from_queryset(AuditItemQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "subject_kind", "subject_id"], name="one_audit_per_subject"
            ),
            models.CheckConstraint(
                condition=models.Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="audit_chance_is_one",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["task", "state", "id"], name="audit_queue")]
