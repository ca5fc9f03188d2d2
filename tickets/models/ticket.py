"""Tickets: a case of a customer, with everything a list row needs on the row itself."""

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact
from people.models import Team
from people.viewer import Viewer
from tickets.models.fields import CustomField, Tag, TicketType
from tickets.models.inbox import Category, Inbox
from tickets.models.sla import SLAPolicy

# Where rows without a deadline stand in the order of deadlines.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Status(models.Model):
    """A status with its category and the label customers see. The category of a status never changes: rows of tickets
    carry a copy of it. ``pauses_sla`` says that time in it is credited back."""

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
    name = models.CharField(_("name"), max_length=60)
    category = models.CharField(_("category"), max_length=12, choices=Category.choices)
    customer_label = models.CharField(_("label for customers"), max_length=60)
    pauses_sla = models.BooleanField(_("pauses the SLA clock"), default=False)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

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
        # Who is no person has no tickets: the id 0 belongs to nobody, None would be every unassigned one.
        return self.filter(
            Q(team=None)
            | Q(team__is_private=False)
            | Q(team_id__in=viewer.team_ids)
            | Q(assignee_id=viewer.user_id or 0)
        )

    def hidden_from(self, viewer: Viewer) -> "TicketQuerySet":
        """Return the tickets that ``visible_to`` leaves out: of private teams that the viewer has no part in.

        They are few, so a read of very many rows leaves these out rather than joining all the others.
        """
        if not viewer.can("tickets.view"):
            return self
        if viewer.can("tickets.all_teams"):
            return self.none()
        return self.filter(team__is_private=True).exclude(
            Q(team_id__in=viewer.team_ids) | Q(assignee_id=viewer.user_id or 0)
        )

    def active(self) -> "TicketQuerySet":
        """Return tickets that are neither resolved nor closed."""
        return self.filter(status_category__in=Status.ACTIVE)


def new_reference() -> str:
    """Return a random reference for customers: numbers are internal and must not be guessable."""
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(secrets.choice(alphabet) for _ in range(10))


_LIVING = Q(status_category__in=[str(category) for category in Status.ACTIVE])


class Ticket(models.Model):
    """A case. ``version`` grows with each change and guards concurrent edits.

    ``as_read`` holds the values with which a row was locked, so that only what has changed is written.
    """

    as_read: dict[str, Any] | None = None

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

    # A row has to be written into every index anew when a column of a list changes: relations that are followed only together
    # with another column, or hardly ever, have none of their own.
    number = models.BigIntegerField(unique=True)
    reference = models.CharField(max_length=12, default=new_reference)
    subject = models.CharField(max_length=300)
    inbox = models.ForeignKey(Inbox, models.PROTECT, null=True, related_name="+", db_index=False)
    channel = models.CharField(max_length=32)
    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="tickets", db_index=False)
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="tickets")
    type = models.ForeignKey(TicketType, models.SET_NULL, null=True, related_name="+", db_index=False)
    status = models.ForeignKey(Status, models.PROTECT, default="new", related_name="+", db_index=False)
    # Copy of the status's category, so that lists and counters need no join and the index can leave closed ones out.
    status_category = models.CharField(max_length=12, choices=Status.Category.choices, default="new")
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    priority_rank = models.PositiveSmallIntegerField(default=1)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="+")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    assigned_reason = models.CharField(max_length=120, blank=True)
    routing_state = models.CharField(max_length=8, choices=Routing.choices, default=Routing.PENDING)
    language = models.CharField(max_length=16, blank=True)
    tags = models.ManyToManyField(Tag, through="TicketTag", related_name="+")
    snoozed_until = models.DateTimeField(null=True)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="merged_tickets", db_index=False
    )
    # How many tickets point here with merged_into; spares the others a look for them.
    merged_count = models.PositiveSmallIntegerField(default=0)
    escalation_level = models.PositiveSmallIntegerField(default=0)
    # Copy of the account's; lists order by it.
    value_at_risk = models.FloatField(default=0.0)
    follow_up_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="follow_ups", db_index=False
    )
    version = models.PositiveIntegerField(default=1)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_message_at = models.DateTimeField()
    last_message_preview = models.CharField(max_length=160, blank=True)
    last_message_inbound = models.BooleanField(default=True)
    waiting_since = models.DateTimeField(null=True)
    unread = models.BooleanField(default=True)
    first_responded_at = models.DateTimeField(null=True)
    inbound_count = models.PositiveIntegerField(default=0)
    outbound_count = models.PositiveIntegerField(default=0)
    reopen_count = models.PositiveIntegerField(default=0)
    satisfaction = models.PositiveSmallIntegerField(null=True)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    sentiment_label = models.CharField(max_length=10, blank=True)
    sentiment_probability = models.FloatField(null=True)
    sentiment_score = models.FloatField(null=True)
    # Copies of the conversation's signals (``tickets.services.copy_signals``): the kinds that nobody has dismissed, each
    # between spaces, and when the next of our open promises is due.
    says = models.CharField(max_length=200, blank=True)
    promise_due_at = models.DateTimeField(null=True)

    # Copy of the forecast's (``tickets.services.forecast_tickets``), 0 when nothing is promised; lists order by it.
    breach_probability = models.FloatField(default=0.0, db_default=0.0)

    sla_policy = models.ForeignKey(SLAPolicy, models.SET_NULL, null=True, related_name="+", db_index=False)
    # The version of the policy that the deadlines were computed from.
    sla_policy_version = models.PositiveIntegerField(default=0)
    # Brought in with its history from another system: nothing was promised for it here, and nothing is.
    sla_off = models.BooleanField(default=False, db_default=False)
    # When the next step of the policy (a warning, an escalation) may be due.
    sla_step_at = models.DateTimeField(null=True)
    first_response_due_at = models.DateTimeField(null=True)
    next_response_due_at = models.DateTimeField(null=True)
    resolution_due_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)
    due_order = models.GeneratedField(
        expression=Coalesce("next_due_at", Value(NEVER)), output_field=models.DateTimeField(), db_persist=True
    )
    first_response_breached_at = models.DateTimeField(null=True)
    next_response_breached_at = models.DateTimeField(null=True)
    resolution_breached_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Ticket"]] = models.Manager.from_queryset(TicketQuerySet)()

    class Meta:
        indexes: ClassVar = [
            # One per order of the lists, over what is not over yet; what is over is read by its own dates.
            models.Index(fields=["due_order", "id"], condition=_LIVING, name="ticket_living_due"),
            models.Index(fields=["-last_message_at", "-id"], condition=_LIVING, name="ticket_living_recent"),
            models.Index(fields=["created_at", "id"], condition=_LIVING, name="ticket_living_age"),
            models.Index(fields=["waiting_since", "id"], condition=_LIVING, name="ticket_living_waiting"),
            models.Index(fields=["-value_at_risk", "-id"], condition=_LIVING, name="ticket_living_value"),
            models.Index(fields=["-breach_probability", "-id"], condition=_LIVING, name="ticket_living_risk"),
            models.Index(
                fields=["-priority_rank", "due_order", "id"], condition=_LIVING, name="ticket_living_priority"
            ),
            models.Index(
                fields=["assignee", "due_order", "id"], condition=_LIVING, name="ticket_living_mine"
            ),
            models.Index(fields=["team", "due_order", "id"], condition=_LIVING, name="ticket_living_team"),
            models.Index(
                fields=["status_category", "-last_message_at", "-id"], name="ticket_category_recent"
            ),
            models.Index(fields=["status_category", "due_order", "id"], name="ticket_category_due"),
            models.Index(fields=["account", "-created_at"], name="ticket_account"),
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="ticket_merged_into"
            ),
            models.Index(
                fields=["follow_up_of"], condition=Q(follow_up_of__isnull=False), name="ticket_follow_up_of"
            ),
            models.Index(
                fields=["snoozed_until"], condition=Q(snoozed_until__isnull=False), name="ticket_snoozed"
            ),
            models.Index(
                fields=["promise_due_at"],
                condition=Q(promise_due_at__isnull=False),
                name="ticket_promise_due",
            ),
            models.Index(fields=["-updated_at", "-id"], name="ticket_updated"),
            models.Index(
                fields=["sla_step_at"], condition=Q(sla_step_at__isnull=False), name="ticket_sla_step"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reference"], name="one_ticket_per_reference"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.subject}"


class TicketTag(models.Model):
    """A tag on a ticket."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="ticket_tags")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tag", "ticket"], name="one_tag_per_ticket")]


class FieldValue(models.Model):
    """What a custom field holds on a ticket; a multiple choice has one row per chosen value.

    Exactly one value column is used, by the field's kind: ``text`` for text, choices and references (the id as text).
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="field_values")
    field = models.ForeignKey(CustomField, models.CASCADE, related_name="+")
    text = models.CharField(max_length=500, blank=True)
    number = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    date = models.DateField(null=True)
    boolean = models.BooleanField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "field", "text"], name="one_value_per_field")
        ]
        indexes: ClassVar = [
            models.Index(fields=["field", "text", "ticket"], name="field_value_text"),
            models.Index(
                fields=["field", "number"], condition=Q(number__isnull=False), name="field_value_number"
            ),
            models.Index(fields=["field", "date"], condition=Q(date__isnull=False), name="field_value_date"),
        ]
