"""CTAs: what a CSM should do, why, and what came of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Account
from people.viewer import Viewer
from success.models.playbook import Enrolment


class CTAQuerySet(models.QuerySet["CTA"]):
    """Reads of CTAs."""

    def visible_to(self, viewer: Viewer) -> "CTAQuerySet":
        """Return the CTAs a viewer may see."""
        return self if viewer.can("success.view") else self.none()

    def open(self) -> "CTAQuerySet":
        """Return the CTAs nobody has closed."""
        return self.filter(closed_at=None)


class CTA(models.Model):
    """A task for a CSM about an account, with its evidence. While one is open, new evidence is added to it."""

    class Kind(models.TextChoices):
        """Type of action."""

        RISK = "risk", _("Risk")
        LIFECYCLE = "lifecycle", _("Lifecycle")
        EXPANSION = "expansion", _("Expansion")
        ACTIVITY = "activity", _("Activity")

    class Outcome(models.TextChoices):
        """What came of it; needed to close."""

        SAVED = "saved", _("Saved")
        NOT_REAL = "not_real", _("Not a real risk")
        UNSAVABLE = "unsavable", _("Could not be saved")
        DONE = "done", _("Done")
        DUPLICATE = "duplicate", _("Duplicate")
        CLEARED = "cleared", _("Cleared by itself")

    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.RISK)
    account = models.ForeignKey(Account, models.CASCADE, related_name="ctas")
    enrolment = models.ForeignKey(Enrolment, models.SET_NULL, null=True, related_name="ctas")
    title = models.CharField(_("title"), max_length=200)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    reason_key = models.CharField(max_length=80)
    evidence = models.JSONField(default=list)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    due_on = models.DateField(_("due"), null=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    outcome_note = models.TextField(blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["CTA"]] = models.Manager.from_queryset(CTAQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "kind", "reason_key"],
                condition=models.Q(closed_at=None),
                name="one_open_cta",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["owner", "due_on"], name="cta_owner_due")]
