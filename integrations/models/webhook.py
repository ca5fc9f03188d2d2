"""Webhooks: who is told of which events, and what became of each telling."""

from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Event, Outbound
from people.models import ApiKey, Team
from people.viewer import Viewer


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Reads of endpoints."""

    def visible_to(self, viewer: Viewer) -> "WebhookEndpointQuerySet":
        """Return all for who sets webhooks up, none for others: addresses may hold secrets."""
        return self if viewer.can("integrations.manage") else self.none()


class WebhookEndpoint(models.Model):
    """An address that events are posted to.

    ``patterns`` are verbs, ``app.*`` or ``*``; ``scopes`` say what it may be told, within the rights that its keeper (who saved
    it last, a person or an API key) has at that time. ``teams`` and ``channels`` leave out events of other tickets and of none,
    ``tiers`` those of other accounts and of none. Secrets are derived from tokens (``tickets.webhook_keys``), stored nowhere.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    url = models.CharField(_("address"), max_length=2000)
    description = models.CharField(_("description"), max_length=300, blank=True)
    patterns = models.JSONField(default=list)
    scopes = models.JSONField(default=list)
    includes_private_teams = models.BooleanField(default=False)
    teams = models.ManyToManyField(Team, related_name="+", blank=True)
    tiers = models.JSONField(default=list, blank=True)
    channels = models.JSONField(default=list, blank=True)
    signing_token = models.CharField(max_length=64)
    # Signs as well until then, so that a receiver can change its secret without missing anything.
    previous_token = models.CharField(max_length=64, blank=True)
    previous_valid_until = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    # Events recorded earlier are none of its business: it was not there, or switched off.
    active_since = models.DateTimeField(default=timezone.now)
    # Since when nothing has been accepted, how often in a row, and how long the others wait because of that.
    failing_since = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True)
    last_delivered_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    kept_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    kept_by_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["WebhookEndpoint"]] = models.Manager.from_queryset(
        WebhookEndpointQuerySet
    )()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def waits_until(self) -> datetime | None:
        """Until when nothing is sent because the receiver is down; None when it is not."""
        is_paused = self.paused_until is not None and self.paused_until > timezone.now()
        return self.paused_until if is_paused else None

    @property
    def host(self) -> str:
        """Where it leads, without what may be secret: the path and the query."""
        return urlsplit(self.url).hostname or ""


class WebhookDelivery(models.Model):
    """One event for one endpoint, or a test (without an event): how it stands and what the receiver said.

    ``message_id`` is the ``webhook-id``, the same however often it is sent. ``excerpt`` is the beginning of the last answer.
    """

    class State(models.TextChoices):
        """Life of a delivery; ``withheld`` was not to be sent any more."""

        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")
        WITHHELD = "withheld", _("Not sent")

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, models.PROTECT, null=True, related_name="+")
    event_type = models.CharField(max_length=64)
    message_id = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    # The row of the outbox that sends it, or has sent it last.
    outbound = models.ForeignKey(Outbound, models.SET_NULL, null=True, related_name="+")
    replays = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    status_code = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    excerpt = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_attempt_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "state", "id"], name="delivery_endpoint_state"),
            models.Index(fields=["endpoint", "id"], name="delivery_endpoint"),
            models.Index(fields=["finished_at"], name="delivery_finished"),
        ]

    @property
    def is_test(self) -> bool:
        """Whether it is about no event: somebody tries the endpoint."""
        return self.event_id is None

    @property
    def next_attempt_at(self) -> datetime | None:
        """When it is sent, or sent again; None when it is over."""
        waits = self.state == self.State.PENDING and self.outbound is not None
        return self.outbound.not_before if waits and self.outbound is not None else None
