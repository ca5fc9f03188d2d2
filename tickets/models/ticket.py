"""Tickets: a case of a customer, with everything a list row needs on the row itself."""

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact
from people.models import Team
from people.viewer import Viewer
from tickets.models.inbox import Category, Inbox
from tickets.models.sla import SLAPolicy


class Status(models.Model):
    """A status with its category (what the clocks go by) and the label customers see."""

    class Category(models.TextChoices):
        """What a status means."""

        NEW = "new", _("New")
        OPEN = "open", _("Open")
        WAITING = "waiting", _("Waiting on customer")
        ON_HOLD = "on_hold", _("On hold")
        RESOLVED = "resolved", _("Resolved")
        CLOSED = "closed", _("Closed")

    ACTIVE: ClassVar = (Category.NEW, Category.OPEN, Category.WAITING, Category.ON_HOLD)

    key = models.CharField(max_length=24, primary_key=True)
    name = models.CharField(max_length=60)
    category = models.CharField(max_length=12, choices=Category.choices)
    customer_label = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.name


class TicketNumber(models.Model):
    """One row: the last number given to a ticket."""

    last = models.BigIntegerField(default=4000)


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Reads of tickets."""

    def visible_to(self, viewer: Viewer) -> "TicketQuerySet":
        """Return the tickets a viewer may see.

        Staff see every ticket outside private teams, those of their own teams and those assigned to them; leads,
        analysts, administrators and API keys with a ticket scope see all; a contact sees none here.
        """
        if not viewer.can("tickets.view"):
            return self.none()
        if viewer.can("tickets.all_teams"):
            return self
        return self.filter(
            Q(team=None)
            | Q(team__is_private=False)
            | Q(team_id__in=viewer.team_ids)
            | Q(assignee_id=viewer.user_id)
        )

    def active(self) -> "TicketQuerySet":
        """Return tickets that are neither resolved nor closed."""
        return self.filter(status__category__in=Status.ACTIVE)


def new_reference() -> str:
    """Return a random reference for customers: numbers are internal and must not be guessable."""
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(secrets.choice(alphabet) for _ in range(10))


class Ticket(models.Model):
    """A case. ``version`` grows with each change and guards concurrent edits."""

    class Priority(models.TextChoices):
        """Urgency, lowest first."""

        LOW = "low", _("Low")
        NORMAL = "normal", _("Normal")
        HIGH = "high", _("High")
        URGENT = "urgent", _("Urgent")

    class Routing(models.TextChoices):
        """``triage`` means the classifier abstained and a person must choose."""

        PENDING = "pending", _("Being routed")
        ROUTED = "routed", _("Routed")
        TRIAGE = "triage", _("Needs triage")
        MANUAL = "manual", _("Routed by hand")

    number = models.BigIntegerField(unique=True)
    reference = models.CharField(max_length=12, unique=True, default=new_reference)
    subject = models.CharField(max_length=300)
    inbox = models.ForeignKey(Inbox, models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=32)
    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="tickets")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="tickets")
    status = models.ForeignKey(Status, models.PROTECT, default="new", related_name="+")
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    priority_rank = models.PositiveSmallIntegerField(default=1)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="+")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    assigned_reason = models.CharField(max_length=120, blank=True)
    routing_state = models.CharField(max_length=8, choices=Routing.choices, default=Routing.PENDING)
    language = models.CharField(max_length=16, blank=True)
    follow_up_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="follow_ups")
    version = models.PositiveIntegerField(default=1)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_message_at = models.DateTimeField()
    last_message_preview = models.CharField(max_length=160, blank=True)
    last_message_inbound = models.BooleanField(default=True)
    waiting_since = models.DateTimeField(null=True)
    unread = models.BooleanField(default=True)
    first_responded_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    sentiment_label = models.CharField(max_length=10, blank=True)
    sentiment_probability = models.FloatField(null=True)
    sentiment_score = models.FloatField(null=True)

    sla_policy = models.ForeignKey(SLAPolicy, models.SET_NULL, null=True, related_name="+")
    first_response_due_at = models.DateTimeField(null=True)
    resolution_due_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)
    first_response_breached_at = models.DateTimeField(null=True)
    resolution_breached_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Ticket"]] = models.Manager.from_queryset(TicketQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["status", "-last_message_at", "-id"], name="ticket_status_recent"),
            models.Index(fields=["assignee", "status", "next_due_at"], name="ticket_assignee_due"),
            models.Index(fields=["team", "status", "next_due_at"], name="ticket_team_due"),
            models.Index(fields=["next_due_at"], condition=Q(next_due_at__isnull=False), name="ticket_due"),
            models.Index(fields=["account", "-created_at"], name="ticket_account"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.subject}"
