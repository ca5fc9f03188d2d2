"""What comes and goes through channels: raw payloads, threads at providers, their ids of our messages, health and traffic."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Contact
from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class ChannelHealth(models.Model):
    """How the channel of an inbox is. ``alarm`` is what people were last told about, empty when all is well.

    ``last_in_at`` and ``last_out_at`` are the last messages that really passed: without one the channel is not proven.
    """

    class State(models.TextChoices):
        """How the provider answered last."""

        NEW = "new", _("Not used yet")
        OK = "ok", _("Works")
        REFUSED = "refused", _("Credentials refused")
        UNREACHABLE = "unreachable", _("Not reachable")

    class Alarm(models.TextChoices):
        """What people are told about a channel."""

        REFUSED = "refused", _("the provider refuses the credentials")
        UNREACHABLE = "unreachable", _("the provider cannot be reached")
        SILENT = "silent", _("nothing has come in for unusually long")

    inbox = models.OneToOneField(Inbox, models.CASCADE, primary_key=True, related_name="health")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW)
    state_since = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)
    alarm = models.CharField(max_length=12, choices=Alarm.choices, blank=True)
    checked_at = models.DateTimeField(null=True)
    # Calls that were turned away because they did not prove that they come from the provider.
    refused_calls = models.PositiveIntegerField(default=0)
    refused_at = models.DateTimeField(null=True)
    last_in_at = models.DateTimeField(null=True)
    last_out_at = models.DateTimeField(null=True)


class ChannelTraffic(models.Model):
    """Messages of an inbox within one hour (UTC), by which its usual rhythm is known."""

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    received = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "hour"], name="one_traffic_row_per_hour")
        ]


class ChannelPayloadQuerySet(models.QuerySet["ChannelPayload"]):
    """Reads of payloads."""

    def visible_to(self, viewer: Viewer) -> "ChannelPayloadQuerySet":
        """Return the payloads that a viewer may see: for who looks after the operation, of inboxes that no private team
        keeps to itself."""
        if not (viewer.can("operations.view") or viewer.can("settings.manage")):
            return self.none()
        if viewer.can("tickets.all_teams"):
            return self
        return self.filter(
            Q(inbox__default_team=None)
            | Q(inbox__default_team__is_private=False)
            | Q(inbox__default_team_id__in=viewer.team_ids)
        )


class ChannelPayload(models.Model):
    """One verified call of a provider, kept raw before it is read; the same call twice is one row.

    ``result`` says in words what it led to. ``headers`` and ``query`` are what reading may need besides the body.
    ``leased_until`` belongs to the worker that reads it.
    """

    class State(models.TextChoices):
        """Where it ended; ``received`` waits."""

        RECEIVED = "received", _("Waiting")
        PROCESSED = "processed", _("Taken in")
        IGNORED = "ignored", _("Nothing to do")
        FAILED = "failed", _("Failed")

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", db_index=False)
    delivery_id = models.CharField(max_length=100)
    method = models.CharField(max_length=8, default="POST")
    query = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    content_type = models.CharField(max_length=200, blank=True)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    result = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    processed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["ChannelPayload"]] = models.Manager.from_queryset(
        ChannelPayloadQuerySet
    )()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "delivery_id"], name="one_payload_per_delivery")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_try_at", "id"], condition=Q(state="received"), name="payload_waiting"),
            models.Index(fields=["inbox", "-id"], name="payload_inbox"),
        ]


class ChannelThread(models.Model):
    """A conversation as the provider knows it (a chat, a thread, a number), and the ticket that it goes on in.

    ``data`` is what sending into it needs besides ``key``. ``last_inbound_at`` opens the window in which we may answer.
    """

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, related_name="+")
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    data = models.JSONField(default=dict)
    last_inbound_at = models.DateTimeField(null=True)
    # How far the customer has come, where the provider tells of threads rather than of messages.
    delivered_until = models.DateTimeField(null=True)
    read_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["inbox", "key"], name="one_thread_per_key")]


class ProviderMessage(models.Model):
    """What a provider has said about one of its messages, whether or not we know the message yet.

    News come in any order: ``state`` only goes forwards, of edits the latest holds. ``message`` is empty until ours is known; one
    that was sent again has several.
    """

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", db_index=False)
    provider_id = models.CharField(max_length=255)
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=10, blank=True)
    state_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "provider_id"], name="one_row_per_provider_message")
        ]


class ChannelTemplate(models.Model):
    """Words with places for values ({{1}}) that the provider of an inbox has approved, for the time when one may not answer
    freely. Kept like the provider has them; those that it no longer names are ``is_usable`` False."""

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="templates", db_index=False)
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=16)
    body = models.TextField()
    category = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=40, blank=True)
    is_usable = models.BooleanField(default=True)
    fetched_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "language"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "name", "language"], name="one_template_per_language")
        ]
