"""Messages of a ticket and their attachments."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from customers.models import Contact
from tickets.models.inbox import Inbox
from tickets.models.stored_file import StoredFile
from tickets.models.ticket import Ticket


class Message(models.Model):
    """One inbound message, outbound answer or private note. Bodies are stored as received and sanitised when shown."""

    class Kind(models.TextChoices):
        """Direction."""

        INBOUND = "inbound", _("From the customer")
        OUTBOUND = "outbound", _("Answer")
        NOTE = "note", _("Private note")

    class Delivery(models.TextChoices):
        """What became of an answer."""

        NONE = "", _("Not sent")
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        READ = "read", _("Read")
        FAILED = "failed", _("Failed")
        UNCERTAIN = "uncertain", _("Uncertain")
        BOUNCED = "bounced", _("Bounced")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="messages", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    channel = models.CharField(max_length=32)
    # Through which inbox it came or leaves: a ticket may go on in another one.
    inbox = models.ForeignKey(Inbox, models.SET_NULL, null=True, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    subject = models.CharField(max_length=300, blank=True)
    body_text = models.TextField(blank=True)
    body_html = models.TextField(blank=True)
    quote_offsets = models.JSONField(default=list)
    recipients = models.JSONField(default=dict)
    # {"name", "language", "values"} of an answer in words that the provider has approved.
    template = models.JSONField(null=True)
    external_id = models.CharField(max_length=255, blank=True)
    # What the channel tells of the message besides (``tickets.channels.email.mail_facts`` for mails).
    facts = models.JSONField(default=dict, blank=True)
    is_automatic = models.BooleanField(default=False)
    delivery = models.CharField(max_length=10, choices=Delivery.choices, default=Delivery.NONE, blank=True)
    delivery_detail = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True)
    # Until then an answer can be taken back; None for what left at once.
    leaves_at = models.DateTimeField(null=True)
    # When an answer that could not be handed over is tried again; None while nothing stands in its way.
    next_try_at = models.DateTimeField(null=True)
    sentiment_label = models.CharField(max_length=10, blank=True)
    sentiment_probability = models.FloatField(null=True)
    sentiment_score = models.FloatField(null=True)
    # Copies of its signals, so that a conversation need not read them (``tickets.services.copy_signals``).
    said = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["ticket", "created_at", "id"], name="message_thread"),
            # Figures count moods over time.
            models.Index(
                fields=["created_at", "sentiment_label"],
                condition=models.Q(kind="inbound") & ~models.Q(sentiment_label=""),
                name="message_mood",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=~models.Q(external_id=""),
                name="one_message_per_external_id",
            ),
        ]


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    """Reads of attachments."""

    def with_verdict(self) -> "AttachmentQuerySet":
        """Add what the scanner said about the content, as ``scan``, ``scan_signature`` and ``scan_error``; None when its content
        is not known."""
        stored = StoredFile.objects.filter(sha256=OuterRef("sha256"))
        return self.annotate(
            scan=Subquery(stored.values("scan")[:1]),
            scan_signature=Subquery(stored.values("signature")[:1]),
            scan_error=Subquery(stored.values("scan_error")[:1]),
        )


class Attachment(models.Model):
    """A file. ``storage_key`` is random or a content hash, never the sender's name; ``name`` is for display only."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    content_id = models.CharField(max_length=255, blank=True)
    is_inline = models.BooleanField(default=False)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Attachment"]] = models.Manager.from_queryset(AttachmentQuerySet)()

    class Meta:
        # By which the verdict on a content finds the tickets that hold it.
        indexes: ClassVar = [models.Index(fields=["sha256"], name="attachment_sha256")]
