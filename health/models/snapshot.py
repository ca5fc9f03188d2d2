"""The history of scores: one row per account and day, and the list of accounts to score."""

from typing import ClassVar

from django.db import models

from customers.models import Account


class HealthSnapshot(models.Model):
    """An account's score on one day.

    ``parts`` lists every signal: key, raw value, n (0..100), weight, freshness (0..1), share of the score, when observed;
    signals without data have ``n`` null. ``changes`` are the exact lines that sum to the change against the snapshot
    30 days before. ``score`` and ``band`` are what counts; ``model_score`` is the score before ``overrides`` (null on rows
    from before there were any: the same). ``churn_probability`` is of the 90 days after a week, those beside it of 30 and 60;
    ``drivers`` are the model's contributions to it in percentage points.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="health_snapshots")
    as_of = models.DateField()
    card_version = models.CharField(max_length=64)
    raw_score = models.FloatField(null=True)
    score = models.FloatField(null=True)
    band = models.CharField(max_length=10)
    coverage = models.FloatField()
    confidence = models.CharField(max_length=8)
    parts = models.JSONField(default=list)
    knock_outs = models.JSONField(default=list)
    changes = models.JSONField(default=list)
    delta_30 = models.FloatField(null=True)
    # "up" or "down" when the change is more than noise
    trend = models.CharField(max_length=4, blank=True)
    model_score = models.FloatField(null=True)
    overrides = models.JSONField(default=list)
    churn_probability = models.FloatField(null=True)
    churn_probability_30 = models.FloatField(null=True)
    churn_probability_60 = models.FloatField(null=True)
    churn_low = models.FloatField(null=True)
    churn_high = models.FloatField(null=True)
    churn_model = models.CharField(max_length=64, blank=True)
    drivers = models.JSONField(default=list)
    inputs_hash = models.CharField(max_length=64)
    computed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "as_of"], name="one_snapshot_per_day"),
        ]


class LensSnapshot(models.Model):
    """A further score of an account on one day, by a card that is not the primary one; fields as in HealthSnapshot."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="lens_snapshots")
    lens = models.CharField(max_length=16)
    as_of = models.DateField()
    card_version = models.CharField(max_length=64)
    score = models.FloatField(null=True)
    band = models.CharField(max_length=10)
    coverage = models.FloatField()
    confidence = models.CharField(max_length=8)
    parts = models.JSONField(default=list)
    knock_outs = models.JSONField(default=list)
    computed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "lens", "as_of"], name="one_lens_score_per_day"),
        ]


class ScoreDue(models.Model):
    """An account whose score must be computed again; a row per account, removed by the computation that saw it."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="+")
    marked_at = models.DateTimeField()
    reason = models.CharField(max_length=80, blank=True)


class CohortDay(models.Model):
    """What was usual among comparable accounts on a day (``health.cohort``); kept so that a score can be repeated."""

    day = models.DateField(unique=True)
    card_version = models.CharField(max_length=64)
    stats = models.JSONField()
    computed_at = models.DateTimeField(auto_now=True)
