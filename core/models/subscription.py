"""Where each subscriber stands in the event order, and the events it could not take."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SubscriberPosition(models.Model):
    """The last ``seq`` one shard of a subscriber has applied; moved by compare-and-set in the transaction of its effects."""

    subscriber = models.CharField(max_length=64)
    shard = models.PositiveSmallIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscriber", "shard"], name="one_position_per_shard"),
        ]


class DeadLetter(models.Model):
    """An event a subscriber keeps failing on (parked), or a later event of the same stream waiting behind it."""

    class State(models.TextChoices):
        """Parked letters failed themselves; waiting ones are behind a parked one; the other two are history."""

        PARKED = "parked", _("Parked")
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("Dropped")

    subscriber = models.CharField(max_length=64)
    event = models.ForeignKey("core.Event", models.PROTECT, related_name="+")
    seq = models.BigIntegerField()
    stream = models.CharField(max_length=80)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PARKED)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscriber", "event"], name="one_letter_per_event"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["subscriber", "stream"],
                condition=models.Q(state__in=["parked", "waiting"]),
                name="open_dead_letters",
            ),
        ]
