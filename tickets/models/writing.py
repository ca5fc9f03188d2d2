"""What is being written on a ticket and by whom: drafts, answers that leave later, the way back from an answer, presence."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.models import ApiKey
from tickets.models.inbox import Inbox
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class Draft(models.Model):
    """What a person is writing on a ticket: one draft per ticket, person and kind, and any number that leave later.

    ``version`` grows with each save; ``overtaken`` keeps the text that a save from another window has replaced. ``cc`` is a
    list of addresses, None while the computed ones hold. ``files`` are ``{"id", "name", "content_type", "size",
    "sha256", "storage_key"}``. A scheduled one leaves at ``send_at`` unless it is held; ``status_after`` and
    ``hold_if_customer_writes`` are the wishes for that moment. ``api_key`` is the integration that has scheduled it, where
    no person has.
    """

    class Kind(models.TextChoices):
        """What it becomes."""

        REPLY = "reply", _("Reply")
        NOTE = "note", _("Private note")

    class State(models.TextChoices):
        """Whether it waits for its writer, for its time, or for a decision."""

        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        HELD = "held", _("On hold")

    class HeldBecause(models.TextChoices):
        """Why a scheduled answer did not leave."""

        CUSTOMER_WROTE = "customer_wrote", _("The customer wrote first.")
        CLOSED = "closed", _("The ticket was closed.")
        MERGED = "merged", _("The ticket was merged into another one.")
        WRITER = "writer", _("Its writer may not answer any more.")
        REFUSED = "refused", _("It could not be sent.")
        FAILED = "failed", _("Sending it failed.")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="drafts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.DRAFT)
    body = models.TextField(blank=True)
    cc = models.JSONField(null=True)
    # Through which inbox the answer leaves; None: where the customer wrote last.
    inbox = models.ForeignKey(Inbox, models.SET_NULL, null=True, related_name="+", db_index=False)
    # Without an inbox: by mail from the installation's own address, wherever the customer wrote last.
    by_mail = models.BooleanField(default=False)
    # The conversation that it goes into and no other, as ``tickets.reply_routes`` names it; None: whichever is obvious then.
    into = models.BigIntegerField(null=True)
    files = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)
    overtaken = models.TextField(blank=True)
    # Names the form in which it was scheduled (sent twice it is scheduled once), or that has saved the draft last.
    token = models.CharField(max_length=64, blank=True)
    # Grows with each save that a form sends: two may be on their way at once, and the older one may come last.
    save_number = models.BigIntegerField(default=0)
    status_after = models.CharField(max_length=24, blank=True)
    send_at = models.DateTimeField(null=True)
    hold_if_customer_writes = models.BooleanField(default=True)
    seen_message_id = models.BigIntegerField(null=True)
    held_because = models.CharField(max_length=16, choices=HeldBecause.choices, blank=True)
    held_detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "user", "kind"],
                condition=Q(state="draft"),
                name="one_draft_per_person_and_kind",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "ticket"], name="draft_user"),
            models.Index(fields=["send_at"], condition=~Q(state="draft"), name="draft_leaving"),
        ]

    @property
    def via(self) -> int | None:
        """The way that it leaves by, as ``tickets.reply_routes`` names it: an inbox, 0 for mail without one, None for the obvious
        one."""
        return 0 if self.inbox_id is None and self.by_mail else self.inbox_id

    @via.setter
    def via(self, name: int | None) -> None:
        self.inbox_id, self.by_mail = name or None, name == 0


class AnswerUndo(models.Model):
    """What an answer that has not left yet did to its ticket: by column what it was and what it became, as text."""

    message = models.OneToOneField(Message, models.CASCADE, related_name="undo")
    changed = models.JSONField(default=dict)
    files = models.JSONField(default=list)


class Presence(models.Model):
    """That a person has a ticket in front of them; true for half a minute after ``seen_at``. No event tells of it."""

    class State(models.TextChoices):
        """What the person does there."""

        VIEWING = "viewing", _("is looking at this")
        REPLYING = "replying", _("is replying")
        NOTING = "noting", _("is writing a note")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.VIEWING)
    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "user"], name="one_presence_per_person")
        ]
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="presence_seen")]
