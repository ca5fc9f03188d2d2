"""Chats on web pages: the visitor's session, and what the visitor has been shown, in order."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class ChatSessionQuerySet(models.QuerySet["ChatSession"]):
    """Reads of sessions."""

    def visible_to(self, viewer: Viewer) -> "ChatSessionQuerySet":
        """Return the sessions that led to tickets which a viewer may see."""
        return self.filter(ticket__in=Ticket.objects.visible_to(viewer))


class ChatSession(models.Model):
    """One visitor's chat. ``key`` is that of its ``ChannelThread``; who holds the token whose digest this is may read and write.

    ``name`` and ``email`` are what the visitor says; ``user_id`` is proven by the page that the widget is on. ``last_number``
    counts the entries, ``seen_number`` is the last one that the visitor has had before the eyes. ``agent`` is who talks to the
    visitor, as the visitor was told. ``address_digest`` only serves to limit how much one address may do.
    """

    class State(models.TextChoices):
        """Whether the visitor may go on in it."""

        OPEN = "open", _("Open")
        ENDED = "ended", _("Ended")

    key = models.CharField(max_length=32, unique=True)
    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+")
    token_digest = models.CharField(max_length=64)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    name = models.CharField(max_length=160, blank=True)
    email = models.CharField(max_length=254, blank=True)
    user_id = models.CharField(max_length=150, blank=True)
    # The words that the visitor agreed to, and when.
    consent_text = models.TextField(blank=True)
    consented_at = models.DateTimeField(null=True)
    page_url = models.CharField(max_length=1000, blank=True)
    page_title = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=16, blank=True)
    browser = models.CharField(max_length=300, blank=True)
    address_digest = models.CharField(max_length=64)
    last_number = models.PositiveIntegerField(default=0)
    seen_number = models.PositiveIntegerField(default=0)
    last_seen_at = models.DateTimeField()
    typing_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["ChatSession"]] = models.Manager.from_queryset(ChatSessionQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["address_digest", "-created_at"], name="chat_session_address"),
            models.Index(fields=["last_seen_at"], condition=Q(ticket=None), name="chat_session_unused"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.key


class ChatEntry(models.Model):
    """What stands in a chat, numbered without gaps within it.

    ``key`` makes a repetition harmless: the visitor's own id of a message, or what else has caused the entry. Of a message the
    words are the message's; ``name`` is who wrote or came, as the visitor was told.
    """

    class Kind(models.TextChoices):
        """What happened."""

        VISITOR = "visitor", _("Visitor")
        AGENT = "agent", _("Agent")
        JOINED = "joined", _("Somebody joined")
        RESOLVED = "resolved", _("Resolved")
        ENDED = "ended", _("Ended")

    session = models.ForeignKey(ChatSession, models.CASCADE, related_name="entries", db_index=False)
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="+")
    name = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "number"], name="one_chat_entry_per_number"),
            models.UniqueConstraint(fields=["session", "key"], name="one_chat_entry_per_key"),
        ]
