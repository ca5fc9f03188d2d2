"""What conversations say: that a customer means to leave, reports a bug, is angry; what we have promised."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class ConversationSignalQuerySet(models.QuerySet["ConversationSignal"]):
    """Reads of signals."""

    def visible_to(self, viewer: Viewer) -> "ConversationSignalQuerySet":
        """Return what was said on tickets that the viewer may see."""
        return self.filter(message__ticket__in=Ticket.objects.visible_to(viewer))

    def valid(self) -> "ConversationSignalQuerySet":
        """Return those that nobody has dismissed."""
        return self.exclude(state=ConversationSignal.State.DISMISSED)

    def promises(self) -> "ConversationSignalQuerySet":
        """Return what we have promised, dismissed ones left out."""
        return self.valid().filter(kind=ConversationSignal.Kind.PROMISE)


class ConversationSignal(models.Model):
    """One thing that a message says, once per kind; of promises one per wording.

    ``probability`` is the model's, null for what rules or people found; ``source`` names version, rules or "person".
    ``words`` are the exact words where they are known, characters ``start`` to ``end`` of the message's text.
    """

    class Kind(models.TextChoices):
        """What is said; but for promises the names of the model's answers."""

        CHURN = "churn", _("Says they leave")
        ESCALATION = "escalation", _("Threatens to escalate")
        BUG = "bug", _("Reports a bug")
        FEATURE_REQUEST = "feature_request", _("Wishes for a feature")
        PRAISE = "praise", _("Praises")
        NOW = "now", _("Needs it at once")
        ANGER = "anger", _("Angry")
        DISAPPOINTMENT = "disappointment", _("Disappointed")
        WORRY = "worry", _("Worried")
        CONFUSION = "confusion", _("Confused")
        GRATITUDE = "gratitude", _("Grateful")
        PROMISE = "promise", _("We promised")

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open", _("Open")
        CONFIRMED = "confirmed", _("Confirmed")
        DISMISSED = "dismissed", _("Dismissed")
        KEPT = "kept", _("Kept")
        BROKEN = "broken", _("Broken")

    message = models.ForeignKey(Message, models.CASCADE, related_name="signals")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    probability = models.FloatField(null=True)
    source = models.CharField(max_length=64)
    words = models.CharField(max_length=500, blank=True)
    start = models.PositiveIntegerField(null=True)
    end = models.PositiveIntegerField(null=True)
    due_at = models.DateTimeField(null=True)
    # When the author is reminded; None once that is done, or when there is nothing to remind of.
    remind_at = models.DateTimeField(null=True)
    said_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    # Who has judged it; nobody for what time or an answer has decided.
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    # The answer that kept the promise.
    kept_by = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[models.Manager["ConversationSignal"]] = models.Manager.from_queryset(
        ConversationSignalQuerySet
    )()

    class Meta:
        ordering: ClassVar = ["said_at", "pk"]
        indexes: ClassVar = [
            models.Index(fields=["kind", "said_at"], name="signal_kind_said"),
            models.Index(
                fields=["due_at"], condition=Q(kind="promise", state="open"), name="signal_promise_due"
            ),
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="signal_remind"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["message", "kind"], condition=~Q(kind="promise"), name="one_signal_per_kind"
            ),
            models.UniqueConstraint(
                fields=["message", "start"], condition=Q(kind="promise"), name="one_promise_per_place"
            ),
            models.CheckConstraint(
                condition=Q(kind="promise") | ~Q(state__in=["kept", "broken"]), name="only_promises_are_kept"
            ),
        ]

    def __str__(self) -> str:
        return self.words or str(self.get_kind_display())
