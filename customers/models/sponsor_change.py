"""Findings that somebody who matters at an account may be gone."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from customers.models.contact import Contact
from people.viewer import Viewer


class SponsorChangeQuerySet(models.QuerySet["SponsorChange"]):
    """Reads of findings."""

    def visible_to(self, viewer: Viewer) -> "SponsorChangeQuerySet":
        """Return the findings a viewer may see."""
        return self if viewer.can("customers.view") else self.none()


class SponsorChange(models.Model):
    """That a contact with a key role may have left, with what says so; a person confirms or dismisses it.

    ``evidence`` holds ``text``, a sentence or quotation, and ids of what it is from.
    """

    class Kind(models.TextChoices):
        """What was seen."""

        LEFT = "left", _("Marked as left")
        BOUNCED = "bounced", _("Address unknown")
        AUTO_REPLY = "auto_reply", _("Automatic reply says so")
        SILENT = "silent", _("Silent against own habit")

    class State(models.TextChoices):
        """What a person made of it."""

        OPEN = "open", _("Open")
        CONFIRMED = "confirmed", _("Confirmed")
        DISMISSED = "dismissed", _("Dismissed")

    account = models.ForeignKey(Account, models.CASCADE, related_name="sponsor_changes")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="sponsor_changes")
    role = models.CharField(max_length=16)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    evidence = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[models.Manager["SponsorChange"]] = models.Manager.from_queryset(SponsorChangeQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contact"], condition=models.Q(state="open"), name="one_open_sponsor_change"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="sponsor_change_newest")]
