"""The outbox: every effect outside the database is a row first."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outbound(models.Model):
    """One external effect (mail, webhook, chat message) with its idempotency key, schedule, attempts and outcome.

    ``payload`` carries ids, never content: the sender reads the rows at sending time.
    """

    class State(models.TextChoices):
        """``sending`` is set before the first byte leaves; a crash after that ends as ``uncertain``, never as a repeat."""

        PENDING = "pending", _("Waiting")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        UNCERTAIN = "uncertain", _("Uncertain")

    kind = models.CharField(max_length=40)
    idempotency_key = models.CharField(max_length=200, unique=True)
    payload = models.JSONField(default=dict)
    account_id = models.BigIntegerField(null=True)
    ticket_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    not_before = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    provider_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["not_before"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="outbound_due",
            ),
            models.Index(fields=["ticket_id"], name="outbound_ticket"),
            models.Index(fields=["account_id"], name="outbound_account"),
        ]
