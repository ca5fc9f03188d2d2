"""Telephone calls: those that a telephone system tells of, and those that somebody writes down."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Contact
from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.ticket import Ticket


class CallQuerySet(models.QuerySet["Call"]):
    """Reads of calls."""

    def visible_to(self, viewer: Viewer) -> "CallQuerySet":
        """Return the calls that a viewer may see: with their ticket; without one, all but those of other people's private
        teams. One's own calls are always seen."""
        if not viewer.can("tickets.view"):
            return self.none()
        if viewer.can("tickets.all_teams"):
            return self
        open_to_all = Q(inbox=None) | Q(inbox__default_team=None) | Q(inbox__default_team__is_private=False)
        return self.filter(
            Q(ticket__in=Ticket.objects.visible_to(viewer))
            | (Q(ticket=None) & (open_to_all | Q(inbox__default_team_id__in=viewer.team_ids)))
            | Q(agent_id=viewer.user_id or 0)
        )

    def with_seen_ticket(self, viewer: Viewer) -> "CallQuerySet":
        """Return the calls with ``sees_ticket``: whether the viewer may be told of the ticket. One's own call may be of a ticket
        of a private team."""
        mine = Ticket.objects.visible_to(viewer).filter(pk=models.OuterRef("ticket_id"))
        return self.annotate(sees_ticket=models.Exists(mine))


class Call(models.Model):
    """One call. ``number`` is the customer's, E.164 where it is one, empty when it was withheld; ``line`` is ours.

    ``rung`` are the ids of the people who are told of it while it lasts. The recording is a stored file; that of a message left
    for us is attached to its message, too. ``wrapped_at`` is when its agent was done with it.
    """

    class Direction(models.TextChoices):
        """Who called whom."""

        INBOUND = "inbound", _("From the customer")
        OUTBOUND = "outbound", _("To the customer")

    class State(models.TextChoices):
        """How far it is, or how it ended."""

        RINGING = "ringing", _("Ringing")
        ANSWERED = "answered", _("Talking")
        ENDED = "ended", _("Ended")
        MISSED = "missed", _("Missed")
        VOICEMAIL = "voicemail", _("Voicemail")

    class Outcome(models.TextChoices):
        """What the agent says came of it."""

        NONE = "", _("Not said")
        SOLVED = "solved", _("Solved")
        FOLLOW_UP = "follow_up", _("Needs a follow-up")
        CALL_BACK = "call_back", _("To be called back")
        NOT_REACHED = "not_reached", _("Not reached")
        WRONG_NUMBER = "wrong_number", _("Wrong number")

    # None for a call that somebody wrote down.
    inbox = models.ForeignKey(Inbox, models.PROTECT, null=True, related_name="+", db_index=False)
    provider_id = models.CharField(max_length=100, blank=True)
    direction = models.CharField(max_length=8, choices=Direction.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RINGING)
    number = models.CharField(max_length=64, blank=True)
    line = models.CharField(max_length=64, blank=True)
    caller_name = models.CharField(max_length=160, blank=True)
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, related_name="+", db_index=False)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+", db_index=False)
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    rung = models.JSONField(default=list)
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    duration_seconds = models.PositiveIntegerField(null=True)
    recording_key = models.CharField(max_length=80, blank=True)
    recording_sha256 = models.CharField(max_length=64, blank=True)
    recording_type = models.CharField(max_length=120, blank=True)
    recording_size = models.PositiveBigIntegerField(null=True)
    transcript = models.TextField(blank=True)
    note = models.TextField(blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    wrapped_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Call"]] = models.Manager.from_queryset(CallQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["inbox", "provider_id"], condition=~Q(provider_id=""), name="one_call_per_provider_id"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["-started_at", "-id"], name="call_recent"),
            models.Index(fields=["contact", "-started_at"], name="call_contact"),
            models.Index(fields=["ticket"], condition=Q(ticket__isnull=False), name="call_ticket"),
            # What may be on somebody's screen.
            models.Index(fields=["-started_at"], condition=Q(wrapped_at=None), name="call_on_screen"),
        ]

    def __str__(self) -> str:
        return str(self.contact or self.caller_name or self.number or _("Number withheld"))

    @property
    def is_over(self) -> bool:
        """Whether nobody talks or rings any more."""
        return self.state not in {self.State.RINGING, self.State.ANSWERED}
