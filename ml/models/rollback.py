"""What the watch over served models did by itself."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.models.version import ModelVersion
from people.viewer import Viewer


class RollbackEventQuerySet(models.QuerySet["RollbackEvent"]):
    """Reads of rollbacks."""

    def visible_to(self, viewer: Viewer) -> "RollbackEventQuerySet":
        """Return the rollbacks a viewer may see."""
        return self if viewer.can("ml.view") else self.none()

    def in_force(self) -> "RollbackEventQuerySet":
        """Return what still stops something: freezes and pauses that nobody has ended."""
        return self.filter(
            ended_at=None, outcome__in=(RollbackEvent.Outcome.FROZEN, RollbackEvent.Outcome.PAUSED)
        )


class RollbackEvent(models.Model):
    """A trigger, its evidence and what came of it.

    ``rolled_back``: ``from_version`` left the service for ``to_version`` (null: the rules). ``frozen``: a second trigger within
    a day; nothing moves by itself until a person ends it. ``paused``: answers are suggestions only until a person ends it.
    """

    class Trigger(models.TextChoices):
        """What was noticed."""

        ACCURACY = "accuracy", _("Audited answers are worse than promised")
        LOAD = "load", _("The version cannot be loaded")
        ERRORS = "errors", _("The version fails")
        LATENCY = "latency", _("The version is slow")
        CONFIDENCE = "confidence", _("The confidence has fallen")

    class Outcome(models.TextChoices):
        """What was done."""

        ROLLED_BACK = "rolled_back", _("Rolled back")
        FROZEN = "frozen", _("Frozen")
        PAUSED = "paused", _("Paused")

    task = models.CharField(max_length=64)
    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    from_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    to_version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    evidence = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[RollbackEventQuerySet] = RollbackEventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "outcome"],
                condition=models.Q(ended_at=None, outcome__in=["frozen", "paused"]),
                name="one_stop_in_force",
            ),
        ]
