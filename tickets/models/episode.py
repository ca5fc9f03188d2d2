"""Resolution episodes of tickets, what figures count, and the survey that follows one."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact
from people.models import Team
from people.viewer import Viewer
from tickets.models.fields import TicketType
from tickets.models.inbox import Category
from tickets.models.ticket import Ticket

# Time zones differ by multiples of this, so days and hours of any zone can be counted from slots.
SLOT_SECONDS = 900


class EpisodeQuerySet(models.QuerySet["Episode"]):
    """Reads of episodes."""

    def visible_to(self, viewer: Viewer) -> "EpisodeQuerySet":
        """Return the episodes of tickets that a viewer may see."""
        if viewer.can("tickets.view") and viewer.can("tickets.all_teams"):
            return self
        return self.filter(ticket__in=Ticket.objects.visible_to(viewer))


class Episode(models.Model):
    """A ticket from its opening, or reopening, to its solution: what figures count.

    Derived from the event log and the messages by ``tickets.services.build_episodes``; nothing else writes it. Team,
    assignee and the like are those at its end (today's, while it runs). Seconds without "business" are of the calendar.
    ``…_met`` is None while a promise is undecided, or when nothing was promised; ``…_decided_at`` is when it was kept or
    broken. ``is_counted`` is False for tickets that were merged into another. Slots are quarters of an hour since 1970, UTC.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="episodes")
    number = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    opened_slot = models.PositiveIntegerField()
    first_inbound_at = models.DateTimeField(null=True)
    first_response_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_slot = models.PositiveIntegerField(null=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="+")
    type = models.ForeignKey(TicketType, models.SET_NULL, null=True, related_name="+")
    channel = models.CharField(max_length=32)
    priority = models.CharField(max_length=8)

    replies = models.PositiveIntegerField(default=0)
    # How many of them left by which channel.
    replies_by_channel = models.JSONField(default=dict)
    inbound_count = models.PositiveIntegerField(default=0)
    # Logged until the next opening.
    worked_minutes = models.PositiveIntegerField(default=0)
    reopened = models.BooleanField(default=False)
    one_touch = models.BooleanField(default=False)
    is_counted = models.BooleanField(default=True)

    first_response_seconds = models.PositiveBigIntegerField(null=True)
    first_response_business_seconds = models.PositiveBigIntegerField(null=True)
    resolution_seconds = models.PositiveBigIntegerField(null=True)
    resolution_business_seconds = models.PositiveBigIntegerField(null=True)

    first_response_met = models.BooleanField(null=True)
    first_response_decided_at = models.DateTimeField(null=True)
    next_response_met = models.BooleanField(null=True)
    next_response_decided_at = models.DateTimeField(null=True)
    resolution_met = models.BooleanField(null=True)
    resolution_decided_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Episode"]] = models.Manager.from_queryset(EpisodeQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "number"], name="one_episode_per_number")
        ]
        indexes: ClassVar = [
            models.Index(fields=["opened_at"], name="episode_opened"),
            models.Index(
                fields=["resolved_at"], condition=Q(resolved_at__isnull=False), name="episode_resolved"
            ),
            models.Index(fields=["opened_at"], condition=Q(resolved_at__isnull=True), name="episode_open"),
            models.Index(
                fields=["first_response_decided_at"],
                condition=Q(first_response_decided_at__isnull=False),
                name="episode_first_decided",
            ),
            models.Index(
                fields=["next_response_decided_at"],
                condition=Q(next_response_decided_at__isnull=False),
                name="episode_next_decided",
            ),
            models.Index(
                fields=["resolution_decided_at"],
                condition=Q(resolution_decided_at__isnull=False),
                name="episode_resolution_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.number}"


class SurveyQuerySet(models.QuerySet["SatisfactionSurvey"]):
    """Reads of surveys."""

    def visible_to(self, viewer: Viewer) -> "SurveyQuerySet":
        """Return the surveys about tickets that a viewer may see."""
        if viewer.can("tickets.view") and viewer.can("tickets.all_teams"):
            return self
        return self.filter(ticket__in=Ticket.objects.visible_to(viewer))

    def asked(self) -> "SurveyQuerySet":
        """Return those that have left."""
        return self.filter(state=SatisfactionSurvey.State.SENT)


class SatisfactionSurvey(models.Model):
    """The question that follows a solution: one per episode. ``nonce`` is random and makes, signed, the link's token.

    ``opened_at`` is when the link was first looked up, by a person or by a mail scanner; only a click on the page rates.
    """

    class State(models.TextChoices):
        """Where the question stands; ``withheld`` says in ``reason`` why it did not leave."""

        PLANNED = "planned", _("Planned")
        SENT = "sent", _("Sent")
        WITHHELD = "withheld", _("Not sent")
        FAILED = "failed", _("Failed")

    episode = models.OneToOneField(Episode, models.CASCADE, related_name="survey")
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="surveys")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PLANNED)
    reason = models.CharField(max_length=200, blank=True)
    planned_at = models.DateTimeField(auto_now_add=True)
    send_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    rated_at = models.DateTimeField(null=True)
    score = models.PositiveSmallIntegerField(null=True)
    comment = models.TextField(blank=True)
    changed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["SatisfactionSurvey"]] = models.Manager.from_queryset(SurveyQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["contact", "-send_at"], name="survey_contact"),
            models.Index(fields=["sent_at"], condition=Q(sent_at__isnull=False), name="survey_sent"),
            models.Index(fields=["rated_at"], condition=Q(rated_at__isnull=False), name="survey_rated"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=1, score__lte=5), name="survey_score_1_to_5"
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True, rated_at__isnull=True)
                | Q(score__isnull=False, rated_at__isnull=False),
                name="survey_rated_has_score",
            ),
        ]
