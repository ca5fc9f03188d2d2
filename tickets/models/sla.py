"""SLA policies: which promise holds for which ticket."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Calendar


class SLAPolicy(models.Model):
    """A promise with its calendar. The first active policy by ``position`` whose tiers include the account's holds."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    tiers = models.JSONField(
        _("account tiers"), default=list, blank=True, help_text=_("Empty means every account.")
    )
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("calendar"),
        help_text=_("Without a calendar the clock never stops."),
    )  # fmt: skip
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name_plural = "SLA policies"
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class SLATarget(models.Model):
    """The promised business seconds for one priority."""

    policy = models.ForeignKey(SLAPolicy, models.CASCADE, related_name="targets")
    priority = models.CharField(max_length=8)
    first_response_seconds = models.PositiveIntegerField()
    resolution_seconds = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "priority"], name="one_target_per_priority"),
        ]
