"""What health looks like over REST."""

from typing import Any

from rest_framework import serializers


class PartOut(serializers.Serializer[Any]):
    """One signal. ``n`` 0..100 is null when nothing is known; ``share`` is its part of the score, 0..1."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    group = serializers.CharField()
    n = serializers.FloatField(allow_null=True)
    share = serializers.FloatField()
    freshness = serializers.FloatField()
    seen = serializers.CharField(allow_blank=True)
    missing = serializers.CharField(allow_blank=True)


class ChangeOut(serializers.Serializer[Any]):
    """Points by which one signal moved the score in 30 days; the lines sum to ``delta_30``."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    effect = serializers.ChoiceField(choices=["value", "weight", "cap", "method", "override"])
    points = serializers.FloatField()
    before = serializers.FloatField(allow_null=True)
    after = serializers.FloatField(allow_null=True)


class KnockOutOut(serializers.Serializer[Any]):
    """A fact that caps the score."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    ceiling = serializers.FloatField()


class DriverOut(serializers.Serializer[Any]):
    """Percentage points that a feature adds to the churn probability."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    seen = serializers.CharField()
    points = serializers.FloatField()


class ChurnOut(serializers.Serializer[Any]):
    """Probability to leave in the 90 days after a week, with its 80 % interval, and in the first 30 and 60 of them.

    ``model`` is ``bands`` while no model answers: then it is the rate of the account's band. ``mixed_reasons``: refits of the
    model disagree about the first reason.
    """

    probability = serializers.FloatField()
    probability_30 = serializers.FloatField(allow_null=True)
    probability_60 = serializers.FloatField(allow_null=True)
    low = serializers.FloatField()
    high = serializers.FloatField()
    horizon_days = serializers.IntegerField()
    model = serializers.CharField()
    mixed_reasons = serializers.BooleanField()
    drivers = DriverOut(many=True)


class OverrideEffectOut(serializers.Serializer[Any]):
    """Points by which an override moves the score; ``key`` "override", or "override:" and a signal."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    value = serializers.FloatField()
    points = serializers.FloatField()


class LensOut(serializers.Serializer[Any]):
    """A further score of the account, by a card of another lens."""

    lens = serializers.CharField()
    score = serializers.FloatField(allow_null=True)
    band = serializers.CharField()
    coverage = serializers.FloatField()
    as_of = serializers.DateField()
    card_version = serializers.CharField()


class HistoryOut(serializers.Serializer[Any]):
    """One former score."""

    as_of = serializers.DateField()
    score = serializers.FloatField()
    band = serializers.CharField()


class AccountHealthOut(serializers.Serializer[Any]):
    """The score of an account with everything it came from; all null before the first score."""

    account = serializers.IntegerField()
    as_of = serializers.DateField(allow_null=True)
    computed_at = serializers.DateTimeField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    raw_score = serializers.FloatField(allow_null=True)
    band = serializers.CharField()
    coverage = serializers.FloatField(allow_null=True)
    confidence = serializers.ChoiceField(choices=["high", "medium", "low", "none"])
    delta_30 = serializers.FloatField(allow_null=True)
    parts = PartOut(many=True)
    changes = ChangeOut(many=True)
    knock_outs = KnockOutOut(many=True)
    churn = ChurnOut(allow_null=True)
    card_version = serializers.CharField(allow_blank=True)
    inputs_hash = serializers.CharField(allow_blank=True)
    model_score = serializers.FloatField(allow_null=True)
    overrides = OverrideEffectOut(many=True)
    trend = serializers.ChoiceField(choices=["up", "down", ""])
    lenses = LensOut(many=True)
    history = HistoryOut(many=True)
