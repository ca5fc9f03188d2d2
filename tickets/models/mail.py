"""The mail ledger: every mail that ever arrived, stored raw before it is parsed, and where it ended."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class MailLedgerQuerySet(models.QuerySet["MailLedger"]):
    """Reads of the mail ledger."""

    def visible_to(self, viewer: Viewer) -> "MailLedgerQuerySet":
        """Return the mails a viewer may see: those of tickets that the viewer sees and, where there is no ticket, those
        of inboxes that no private team keeps to itself."""
        if not viewer.can("tickets.view"):
            return self.none()
        if viewer.can("tickets.all_teams"):
            return self
        open_inbox = (
            Q(inbox__default_team=None)
            | Q(inbox__default_team__is_private=False)
            | Q(inbox__default_team_id__in=viewer.team_ids)
        )
        return self.filter(Q(ticket__in=Ticket.objects.visible_to(viewer)) | Q(ticket=None) & open_inbox)


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
    # Failures of the database while the mail was processed, which may be an outage, and when the last one was counted.
    database_failures = models.PositiveSmallIntegerField(default=0)
    database_failed_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    processed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["MailLedger"]] = models.Manager.from_queryset(MailLedgerQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "sha256"], name="one_ledger_row_per_mail")
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "id"], name="ledger_state"),
            # Few rows at any time, looked for by every worker that takes mails.
            models.Index(
                fields=["leased_until"], condition=Q(leased_until__isnull=False), name="ledger_leased"
            ),
        ]


class MessageAlias(models.Model):
    """A Message-ID known to belong to a ticket, also one that was only referred to and never received."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    message_id = models.CharField(max_length=255, unique=True)
