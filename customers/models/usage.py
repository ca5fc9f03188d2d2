"""Product usage: raw events, daily roll-ups, and the days whose roll-up is out of date."""

from typing import ClassVar

from django.db import models

from customers.models.account import Account
from customers.models.contact import Contact


class UsageEvent(models.Model):
    """One event as a product backend sent it; kept for 90 days. ``message_id`` makes sending twice harmless.

    The database does not check account and contact: that would lock their rows for each event. Roll-ups leave out what leads
    nowhere.
    """

    source = models.CharField(max_length=40)
    message_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=12)
    name = models.CharField(max_length=120, blank=True)
    account = models.ForeignKey(
        Account, models.CASCADE, null=True, related_name="+", db_constraint=False, db_index=False
    )
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    user_key = models.CharField(max_length=120, blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    payload = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "message_id"], name="one_usage_event_per_message"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "occurred_at"], name="usage_account_time"),
            models.Index(fields=["contact"], name="usage_contact", condition=models.Q(contact__isnull=False)),
        ]


class UsageDaily(models.Model):
    """One account's day in UTC: number of events and distinct users, in all (``feature`` empty) or of one feature.

    ``recorded_at`` is when the row took its present value: point-in-time features read only what was known then.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="usage_days")
    day = models.DateField()
    feature = models.CharField(max_length=120, blank=True)
    events = models.PositiveIntegerField(default=0)
    users = models.PositiveIntegerField(default=0)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "day", "feature"], name="one_usage_row_per_day"),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "feature", "day"], name="usage_daily_series")]


class DirtyUsageDay(models.Model):
    """A day of an account whose roll-up must be computed again because an event arrived.

    Each batch adds its own marks, so that batches never wait for each other; a roll-up deletes only marks whose events
    it sees.
    """

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField()
    marked_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "day"], name="dirty_usage_account_day")]


class UsageDailyRevision(models.Model):
    """A former value of a roll-up row, kept when a late event changed a day that was already over.

    It held from ``recorded_at`` until ``superseded_at``; so what was known at a past moment stays readable.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    day = models.DateField()
    feature = models.CharField(max_length=120, blank=True)
    events = models.PositiveIntegerField()
    users = models.PositiveIntegerField()
    recorded_at = models.DateTimeField()
    superseded_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "day"], name="usage_revision_day")]
