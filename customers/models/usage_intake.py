"""How product usage came in: counters, rejected items, and the plan of the names that are expected."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer


class UsageIntake(models.Model):
    """How many items of a day (of their receipt, UTC) had an outcome: a row per batch and outcome, later one per day.

    ``outcome`` is accepted, duplicate, or why items were rejected; ``passed`` and ``dropped`` count rejected items of that day
    that were taken on a later try or given up. So sent = accepted + duplicate + rejected, and those that wait are
    rejected - passed - dropped.
    """

    day = models.DateField()
    source = models.CharField(max_length=40)
    outcome = models.CharField(max_length=20)
    items = models.PositiveBigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["day", "source", "outcome"], name="usage_intake_day")]


class UsageDeadLetterQuerySet(models.QuerySet["UsageDeadLetter"]):
    """Reads of rejected items."""

    def visible_to(self, viewer: Viewer) -> "UsageDeadLetterQuerySet":
        """Return what a viewer may see: operators and those who send usage all, nobody else any."""
        return self if viewer.can("operations.view") or viewer.can("usage.write") else self.none()


class UsageDeadLetter(models.Model):
    """An item that was rejected, exactly as it came (JSON text), until it passes, is dropped or is 30 days old.

    Of an item that is too large only the beginning is kept; it cannot be tried again. ``skew_seconds`` is what its sender's
    clock was behind, so that a later try dates it as the first would have.
    """

    source = models.CharField(max_length=40)
    message_id = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=20)
    item = models.TextField()
    is_whole = models.BooleanField(default=True)
    user_key = models.CharField(max_length=254, blank=True)
    email = models.CharField(max_length=254, blank=True)
    group = models.CharField(max_length=120, blank=True)
    skew_seconds = models.FloatField(default=0)
    received_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=1)
    tried_at = models.DateTimeField()

    objects: ClassVar[models.Manager["UsageDeadLetter"]] = models.Manager.from_queryset(
        UsageDeadLetterQuerySet
    )()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["message_id"], name="usage_letter_message"),
            models.Index(fields=["reason", "id"], name="usage_letter_reason"),
            models.Index(fields=["received_at"], name="usage_letter_received"),
        ]


class UsageFeature(models.Model):
    """A name that events have, and what the tracking plan says about it.

    Names that come without being planned are taken and reported. ``plans`` are the plans of subscriptions that include the
    feature; none means that every customer may use it.
    """

    name = models.CharField(_("event name"), max_length=120, unique=True)
    is_planned = models.BooleanField(_("in the plan"), default=False)
    is_hidden = models.BooleanField(_("left out of the adoption matrix"), default=False)
    description = models.CharField(_("description"), max_length=300, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )
    plans = models.JSONField(_("plans that include it"), default=list, blank=True)
    first_seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
