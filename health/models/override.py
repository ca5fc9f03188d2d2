"""What people put against the model: overrides with a reason and an end, and the CSM's own judgement of an account."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Approval
from customers.models import Account
from people.viewer import Viewer


class OverrideQuerySet(models.QuerySet["HealthOverride"]):
    """Reads of overrides."""

    def visible_to(self, viewer: Viewer) -> "OverrideQuerySet":
        """Return the overrides of accounts that a viewer may see the health of."""
        return self if viewer.can("customers.view") and viewer.can("health.view") else self.none()

    def open(self) -> "OverrideQuerySet":
        """Return those that count or wait for a second person."""
        return self.filter(state__in=[HealthOverride.State.PENDING, HealthOverride.State.ACTIVE])


class HealthOverride(models.Model):
    """A person's value, floor or ceiling for a score or one measure of it (``signal``), 0..100, until ``expires_at``.

    The model's score goes on being computed and stays visible beside it. ``model_score`` and ``score`` are what the two
    were when it was set. One that needs a second person is pending until that person decides.
    """

    class Kind(models.TextChoices):
        """What the value does."""

        VALUE = "value", _("Is")
        FLOOR = "floor", _("Is at least")
        CEILING = "ceiling", _("Is at most")

    class State(models.TextChoices):
        """Life of an override."""

        PENDING = "pending", _("Waits for a second person")
        ACTIVE = "active", _("Counts")
        ENDED = "ended", _("Ended")
        EXPIRED = "expired", _("Ran out")
        REFUSED = "refused", _("Refused")

    account = models.ForeignKey(Account, models.CASCADE, related_name="health_overrides")
    signal = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.FloatField()
    reason = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    starts_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    model_score = models.FloatField(null=True)
    score = models.FloatField(null=True)
    approval = models.ForeignKey(Approval, models.PROTECT, null=True, related_name="+")

    objects: ClassVar[models.Manager["HealthOverride"]] = models.Manager.from_queryset(OverrideQuerySet)()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(value__range=(0, 100)), name="override_0_to_100"),
            models.UniqueConstraint(
                fields=["account", "signal"],
                condition=models.Q(state__in=["pending", "active"]),
                name="one_open_override",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "expires_at"], name="override_expiry")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.signal or 'overall'} {self.kind} {self.value}"


class CsmPulse(models.Model):
    """How healthy the CSM thinks an account is, 0..100, with the reason; the newest counts and fades."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="health_pulses")
    value = models.FloatField()
    reason = models.TextField()
    given_at = models.DateTimeField(default=timezone.now)
    recorded_at = models.DateTimeField(default=timezone.now)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-given_at", "-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(value__range=(0, 100)), name="pulse_0_to_100"),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "-given_at"], name="pulse_latest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.value}"
