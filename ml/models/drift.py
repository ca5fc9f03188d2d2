"""What changed in the stream of predictions, window by window."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.version import ModelVersion
from people.viewer import Viewer


class DriftWindowQuerySet(models.QuerySet["DriftWindow"]):
    """Reads of drift windows."""

    def visible_to(self, viewer: Viewer) -> "DriftWindowQuerySet":
        """Return the windows a viewer may see."""
        return self if viewer.can("ml.view") else self.none()

    def of_predictions(self) -> "DriftWindowQuerySet":
        """Return the windows of predictions."""
        return self.exclude(item=DriftWindow.TRUE_LABEL)

    def of_labels(self) -> "DriftWindowQuerySet":
        """Return the windows of audited labels."""
        return self.filter(item=DriftWindow.TRUE_LABEL)


class DriftWindow(models.Model):
    """One item (a fact, the label, the confidence) of one window of predictions of a version, against its reference.

    ``watch``: real and large enough to matter; ``alarm``: the second window in a row. Examples are ids of subjects. The item
    ``true_label`` has windows of audited labels with numbers of their own; ``first_prediction`` and ``last_prediction`` are
    the labels' ids then.
    """

    TRUE_LABEL: ClassVar = "true_label"

    class Verdict(models.TextChoices):
        """What the comparison says."""

        OK = "ok", _("As before")
        WATCH = "watch", _("Watch")
        ALARM = "alarm", _("Alarm")

    task = models.CharField(max_length=64)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    item = models.CharField(max_length=64)
    test = models.CharField(max_length=8)
    rows = models.PositiveIntegerField()
    reference_rows = models.PositiveIntegerField()
    statistic = models.FloatField()
    effect = models.FloatField()
    p_value = models.FloatField()
    p_adjusted = models.FloatField()
    psi = models.FloatField(null=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    shown = models.JSONField(default=dict)
    examples = models.JSONField(default=list)
    first_prediction = models.BigIntegerField()
    last_prediction = models.BigIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects: ClassVar[DriftWindowQuerySet] = DriftWindowQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "number", "item"], name="one_comparison_per_window"),
        ]
        indexes: ClassVar = [models.Index(fields=["task", "verdict", "-ends_at"], name="drift_recent")]
