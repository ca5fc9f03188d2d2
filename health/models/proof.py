"""What became of accounts: how many of a band left, and churns that no score announced."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Account
from people.viewer import Viewer


class BandOutcome(models.Model):
    """Of ``account_days`` (an account in a band, every 28 days, its window over) ``churned`` left in the 90 days after a week.

    Only moments whose whole window lies before ``until`` count. One row per band, written anew by ``health.measure_bands``.
    """

    band = models.CharField(max_length=10, choices=Account.Band.choices, unique=True)
    account_days = models.PositiveIntegerField()
    churned = models.PositiveIntegerField()
    until = models.DateField()
    computed_at = models.DateTimeField(auto_now=True)


class SurpriseQuerySet(models.QuerySet["SurpriseChurn"]):
    """Reads of surprises."""

    def visible_to(self, viewer: Viewer) -> "SurpriseQuerySet":
        """Return those a viewer may see: all for those who may look at health, none for others."""
        return self if viewer.can("health.view") else self.none()


class SurpriseChurn(models.Model):
    """A customer that left (gave notice, else ended) ``left_on`` and was healthy or steady 60 days before: to be reviewed.

    ``missed`` lists what the card knew then: signals that were missing or low, ``[{"key", "n"}]``, n null when missing.
    """

    class RootCause(models.TextChoices):
        """Why nobody saw it coming."""

        NOT_MEASURED = "not_measured", _("Nothing measured it")
        MISSING_DATA = "missing_data", _("The data were missing")
        TOO_LIGHT = "too_light", _("A signal counted too little")
        TOO_LATE = "too_late", _("It happened too fast")
        NOT_FORESEEABLE = "not_foreseeable", _("Not foreseeable")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    left_on = models.DateField()
    arr = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    seen_on = models.DateField()
    band = models.CharField(max_length=10, choices=Account.Band.choices)
    score = models.FloatField(null=True)
    card_version = models.CharField(max_length=64)
    missed = models.JSONField(default=list)
    opened_at = models.DateTimeField(auto_now_add=True)
    root_cause = models.CharField(_("root cause"), max_length=16, choices=RootCause.choices, blank=True)
    note = models.TextField(_("what the card missed"), max_length=2000, blank=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[models.Manager["SurpriseChurn"]] = models.Manager.from_queryset(SurpriseQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "left_on"], name="one_surprise_per_churn"),
        ]
        indexes: ClassVar = [models.Index(fields=["-left_on", "-id"], name="surprise_recent")]
