"""SLA policies: which promise holds for which ticket, and what is done before and after a deadline."""

import secrets
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Calendar


def new_signing_token() -> str:
    """Return what names the key with which a step's webhook is signed; the key itself is stored nowhere."""
    return secrets.token_hex(12)


class SLAPolicy(models.Model):
    """A promise with its calendar. The first active policy by ``position`` whose condition holds for a ticket holds for it.

    ``condition`` is of ``tickets.conditions``; the empty one holds for every ticket. ``version`` grows with every save.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    condition = models.JSONField(_("condition"), default=dict, blank=True)
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("calendar"),
        help_text=_("Without a calendar the clock never stops."),
    )  # fmt: skip
    version = models.PositiveIntegerField(default=1)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name_plural = "SLA policies"
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class SLAPolicyVersion(models.Model):
    """The terms of one version of a policy, kept for good: what a deadline of former days was computed from.

    ``terms`` are ``{"name", "position", "condition", "calendar": {"id", "name", "timezone"} or None, "is_active", "targets":
    {priority: [first answer, next answer, solution in business seconds or None]}, "steps": [{"promise", "timing", "amount",
    "action", "recipient", "person", "host"}]}``. ``saved_by`` is empty for what no person saved.
    """

    policy = models.ForeignKey(SLAPolicy, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    terms = models.JSONField(default=dict)
    saved_at = models.DateTimeField(default=timezone.now)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "version"], name="one_row_per_policy_version"),
        ]

    def __str__(self) -> str:
        return f"{self.terms.get('name', '')} {self.version}"


class SLATarget(models.Model):
    """The promised business seconds for one priority; a promise that is NULL is not made."""

    policy = models.ForeignKey(SLAPolicy, models.CASCADE, related_name="targets")
    priority = models.CharField(max_length=8)
    first_response_seconds = models.PositiveIntegerField(null=True)
    next_response_seconds = models.PositiveIntegerField(null=True)
    resolution_seconds = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "priority"], name="one_target_per_priority"),
        ]


class SLAStep(models.Model):
    """What is done before or after a deadline of a policy's tickets.

    ``promise`` empty means each of the three. ``timing`` says what ``amount`` counts: per cent of the promised time used,
    or minutes before or after the deadline.
    """

    class Timing(models.TextChoices):
        """When."""

        SHARE = "share", _("% of the time used")
        BEFORE = "before", _("minutes before the deadline")
        AFTER = "after", _("minutes after the deadline")

    class Action(models.TextChoices):
        """What."""

        WARN = "warn", _("Warn")
        RAISE = "raise", _("Raise the priority")
        REASSIGN = "reassign", _("Give to a person")
        RETURN = "return", _("Return to the team")
        WEBHOOK = "webhook", _("Call a webhook")

    class Recipient(models.TextChoices):
        """Whom a warning goes to."""

        OWNER = "owner", _("the assignee, else the team")
        TEAM = "team", _("the team")
        LEAD = "lead", _("the leads of the team")
        PERSON = "person", _("a person")

    policy = models.ForeignKey(SLAPolicy, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=0)
    promise = models.CharField(max_length=16, blank=True)
    timing = models.CharField(max_length=8, choices=Timing.choices)
    amount = models.PositiveIntegerField()
    action = models.CharField(max_length=8, choices=Action.choices)
    recipient = models.CharField(max_length=8, choices=Recipient.choices, default=Recipient.OWNER)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    url = models.CharField(max_length=500, blank=True)
    signing_token = models.CharField(max_length=32, default=new_signing_token)
    # A new step looks ahead: it is not taken for moments before it was there.
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    @property
    def host(self) -> str:
        """The host of the address: what may be shown and recorded, as the rest of it may be the secret that lets one call it."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""
