"""The event log: one append-only row per change a person would ask about, its erasable detail, its place in the order."""

from typing import Any, ClassVar, NoReturn

from django.db import models


class AppendOnlyError(TypeError):
    """Raised when code tries to change or delete a recorded event."""


class EventQuerySet(models.QuerySet["Event"]):
    """Events cannot be changed in bulk either."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse: events are append-only."""
        raise AppendOnlyError("events are append-only")

    def delete(self) -> NoReturn:
        """Refuse: events are append-only."""
        raise AppendOnlyError("events are append-only")


class Event(models.Model):
    """Who did what to which subject, when and because of what. Personal values live in the detail row."""

    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    verb = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    account_id = models.BigIntegerField(null=True)
    ticket_id = models.BigIntegerField(null=True)
    source = models.CharField(max_length=40)
    cause_id = models.BigIntegerField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    detail_digest = models.CharField(max_length=64)

    objects: ClassVar[models.Manager["Event"]] = models.Manager.from_queryset(EventQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["account_id", "id"], name="event_account"),
            models.Index(fields=["ticket_id", "id"], name="event_ticket"),
            models.Index(fields=["verb", "occurred_at"], name="event_verb"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_kind}:{self.subject_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only."""
        if self.pk is not None and not kwargs.get("force_insert"):
            raise AppendOnlyError("events are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: events are append-only."""
        raise AppendOnlyError("events are append-only")

    @property
    def stream(self) -> str:
        """The key within which order matters: the ticket, else the account, else the subject."""
        if self.ticket_id is not None:
            return f"ticket:{self.ticket_id}"
        if self.account_id is not None:
            return f"account:{self.account_id}"
        return f"{self.subject_kind}:{self.subject_id}"


class EventDetail(models.Model):
    """Old and new values of an event. Erasure empties ``data`` and ``salt``; the digest on the event stays provable."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="detail")
    data = models.JSONField(null=True)
    salt = models.CharField(max_length=32, blank=True)
    erased_at = models.DateTimeField(null=True)


class EventPosition(models.Model):
    """The place of a committed event in the one gap-free order. ``seq`` is null until the sequencer has seen it."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="position")
    seq = models.BigIntegerField(null=True, unique=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["event"], condition=models.Q(seq=None), name="event_unsequenced"),
        ]


class Sequencer(models.Model):
    """One row, locked by whoever sequences: the last ``seq`` given out."""

    last_seq = models.BigIntegerField(default=0)


class EventBlock(models.Model):
    """A sealed run of events: SHA-256 over the previous block's hash and the rows ``first_seq..last_seq``."""

    number = models.BigIntegerField(unique=True)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(auto_now_add=True)
