"""The mail ledger: every mail that ever arrived, stored raw before it is parsed, and where it ended."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from tickets.models.inbox import Inbox
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class MailLedger(models.Model):
    """One mail. ``received`` is the only state that is not final; a quarantined mail can be retried."""

    class State(models.TextChoices):
        """Where the mail ended."""

        RECEIVED = "received", _("Waiting")
        TICKET = "ticket", _("New ticket")
        APPENDED = "appended", _("Added to a ticket")
        BOUNCE = "bounce", _("Bounce")
        AUTO_REPLY = "auto_reply", _("Automatic reply")
        SPAM = "spam", _("Spam")
        QUARANTINED = "quarantined", _("Quarantined")
        DUPLICATE = "duplicate", _("Duplicate")

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+")
    source = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=80)
    size = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    subject = models.CharField(max_length=300, blank=True)
    sender = models.CharField(max_length=254, blank=True)
    header_id = models.CharField(max_length=255, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "sha256"], name="one_ledger_row_per_mail")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "id"], name="ledger_state")]


class MessageAlias(models.Model):
    """A Message-ID known to belong to a ticket, also one that was only referred to and never received."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    message_id = models.CharField(max_length=255, unique=True)
