"""A health card as a value: which signals count how much, what happens when one is missing, which knock-outs cap the score.

The built-in card is made of the signals' own values. Published versions (``health.models.HealthCardVersion``) hold the
same as JSON, the *content* of a card::

    {"measures": [{"signal", "weight", "normaliser", "missing", "missing_days", "grace_days", "half_life_days", "low"}],
     "knock_outs": {"notice": 20, …}}

``normaliser`` null takes the signal's own; ``low`` null or ``{"n": 20, "ceiling": 50}``, a knock-out on the measure.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from health.curves import config_of, normaliser_from
from health.normalisers import CohortPercentile, Normaliser
from health.registry import Signal, knock_outs, signals


class Lens(models.TextChoices):
    """What a card looks at."""

    HEALTH = "health", _("Health")
    ADOPTION = "adoption", _("Adoption")
    RELATIONSHIP = "relationship", _("Relationship")
    ONBOARDING = "onboarding", _("Onboarding")
    EXPANSION = "expansion", _("Expansion readiness")


class Missing(models.TextChoices):
    """What a measure is worth when nothing is known. Only a carried value counts as coverage."""

    EXCLUDE = "exclude", _("Left out")
    NEUTRAL = "neutral", _("Counts as 50")
    WORST = "worst", _("Counts as 0")
    CARRY = "carry_forward", _("Last known value")
    PRIOR = "prior", _("Mean of its peers")
    FIXED = "fixed", _("The signal's own value")


@dataclass(frozen=True)
class MeasureRule:
    """How a card counts one signal; ``low`` is (n, ceiling): at n or less the score is at most the ceiling."""

    signal: str
    group: str
    weight: float
    normaliser: Normaliser
    missing: str = Missing.EXCLUDE
    missing_days: float = 30.0
    grace_days: float = 30.0
    half_life_days: float = 30.0
    low: tuple[float, float] | None = None

    @property
    def needs_peers(self) -> bool:
        """Whether the raw values of comparable accounts are asked for."""
        return isinstance(self.normaliser, CohortPercentile) or self.missing == Missing.PRIOR


@dataclass(frozen=True)
class Card:
    """One version of a card. ``version`` names it on snapshots; ``ceilings`` are those of the knock-outs that are on."""

    version: str
    measures: tuple[MeasureRule, ...]
    ceilings: Mapping[str, float]
    lens: str = Lens.HEALTH
    name: str = ""

    @cached_property
    def rules(self) -> dict[str, MeasureRule]:
        """The rules by signal."""
        return {rule.signal: rule for rule in self.measures}

    @property
    def ranked(self) -> frozenset[str]:
        """The signals whose peers are needed."""
        return frozenset(rule.signal for rule in self.measures if rule.needs_peers)


def default_rule(signal: Signal) -> MeasureRule:
    """Return how a signal counts by itself."""
    fixed = signal.missing_as is not None
    return MeasureRule(
        signal=signal.key,
        group=str(signal.group),
        weight=signal.weight,
        normaliser=signal.normaliser,
        missing=Missing.FIXED if fixed else Missing.EXCLUDE,
        grace_days=signal.grace_days,
        half_life_days=signal.half_life_days,
    )


def default_card() -> Card:
    """Return the built-in card: every signal that belongs to it with its own values, every knock-out."""
    return Card(
        version=default_version(),
        measures=tuple(default_rule(signal) for signal in signals if signal.in_default_card),
        ceilings={part.key: part.ceiling for part in knock_outs},
        name=str(_("Built-in card")),
    )


def default_version() -> str:
    """Return a name for the signals' own values; it changes when one of them does."""
    text = "|".join(
        f"{part.key} {part.group} {part.weight} {part.normaliser} {part.grace_days} {part.half_life_days} {part.missing_as}"
        for part in signals
        if part.in_default_card
    )
    return f"card-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def content_of(card: Card) -> dict[str, Any]:
    """Return the card as JSON, every normaliser written out."""
    return {
        "measures": [
            {
                "signal": rule.signal,
                "weight": rule.weight,
                "normaliser": config_of(rule.normaliser),
                "missing": rule.missing,
                "missing_days": rule.missing_days,
                "grace_days": rule.grace_days,
                "half_life_days": rule.half_life_days,
                "low": None if rule.low is None else {"n": rule.low[0], "ceiling": rule.low[1]},
            }
            for rule in card.measures
        ],
        "knock_outs": dict(card.ceilings),
    }


def card_from(content: Mapping[str, Any], *, version: str, lens: str = Lens.HEALTH, name: str = "") -> Card:
    """Return the card of checked content. Signals and knock-outs that no longer exist are left out."""
    rules = [_rule(measure) for measure in content["measures"] if measure["signal"] in signals]
    ceilings = {key: ceiling for key, ceiling in content["knock_outs"].items() if key in knock_outs}
    return Card(version, tuple(rules), ceilings, lens, name)


def _rule(measure: Mapping[str, Any]) -> MeasureRule:
    signal = signals.get(measure["signal"])
    low = measure.get("low")
    return replace(
        default_rule(signal),
        weight=measure["weight"],
        normaliser=normaliser_from(measure["normaliser"]) if measure.get("normaliser") else signal.normaliser,
        missing=measure["missing"],
        missing_days=measure["missing_days"],
        grace_days=measure["grace_days"],
        half_life_days=measure["half_life_days"],
        low=(low["n"], low["ceiling"]) if low else None,
    )


def checksum_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of content, the same on any machine."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
