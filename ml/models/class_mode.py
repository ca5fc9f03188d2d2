"""What may be done by itself with each class that a version names, where it is not what was measured."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.evaluation import class_precision
from ml.models.version import ModelVersion


class ClassMode(models.Model):
    """One change of a class's mode, never changed; the newest one of a version and label is in force.

    By a person with a reason, or by the watch over live precision, which only ever steps down and keeps its evidence.
    """

    class Mode(models.TextChoices):
        """What happens when the version names the class."""

        AUTOMATIC = class_precision.AUTOMATIC, _("Applied")
        SUGGEST = class_precision.SUGGEST, _("Suggested")
        OFF = class_precision.OFF, _("Off")

    class Source(models.TextChoices):
        """Who decided."""

        PERSON = "person", _("A person")
        LIVE = "live", _("Live precision")

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="class_modes")
    label = models.CharField(max_length=120)
    mode = models.CharField(max_length=10, choices=Mode.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    reason = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["version", "label", "-id"], name="class_mode_in_force")]
