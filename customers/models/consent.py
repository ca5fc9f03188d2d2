"""The consent ledger: append-only; the last row for (contact, channel, topic) holds."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.contact import Contact


class ConsentEvent(models.Model):
    """A contact said yes or no to a topic on a channel, or an address proved dead."""

    class Status(models.TextChoices):
        """What holds after the event."""

        GRANTED = "granted", _("Granted")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        BOUNCED = "bounced", _("Address bounced")
        COMPLAINED = "complained", _("Complained")

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="consent_events")
    channel = models.CharField(max_length=16, default="email")
    topic = models.CharField(max_length=32, default="success")
    status = models.CharField(max_length=12, choices=Status.choices)
    basis = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["contact", "channel", "topic", "-id"], name="consent_latest")
        ]
