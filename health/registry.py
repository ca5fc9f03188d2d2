"""The extension point of health: a signal is one measure of an account (docs/how-to/add-a-signal.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.registry import Part, Registry
from health.facts import Facts
from health.normalisers import Normaliser
from health.peers import Cohort


class Group(models.TextChoices):
    """What a signal is about; a score needs at least two groups."""

    USAGE = "usage", _("Usage")
    ADOPTION = "adoption", _("Adoption")
    SUPPORT = "support", _("Support")
    SENTIMENT = "sentiment", _("Sentiment")
    RELATIONSHIP = "relationship", _("Relationship")
    COMMERCIAL = "commercial", _("Contract")


@dataclass(frozen=True)
class Reading:
    """A raw value with the moment it was observed, how many observations it rests on and numbers to explain it."""

    value: float
    observed_at: datetime
    n_obs: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)


class Signal(Part):
    """One measure. A score is the mean of n (0..100) weighted with ``weight`` times freshness.

    Freshness is 1 up to ``grace_days`` after the observation, then halves every ``half_life_days``; below 0.1 the signal
    counts as missing. ``missing_as`` is the n taken when nothing is known; None, the default, leaves the signal out (it
    then lowers coverage). ``needs_peers`` asks for the raw values of comparable accounts.
    """

    label: ClassVar[str | Promise] = ""
    group: ClassVar[str] = ""
    weight: ClassVar[float] = 1.0
    normaliser: ClassVar[Normaliser]
    grace_days: ClassVar[float] = 30.0
    half_life_days: ClassVar[float] = 30.0
    missing_as: ClassVar[float | None] = None
    needs_peers: ClassVar[bool] = False

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Mapping[int, Reading]:
        """Return a reading per account id, for those of ``facts.account_ids`` about which something is known at ``as_of``.

        Only what had happened and was recorded by then may be used; ``facts`` answers in that way. ``cohort`` says what
        was usual among comparable accounts; it is empty while the cohort itself is being measured.
        """
        raise NotImplementedError

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Say the raw value for people, short; used beside the points."""
        raise NotImplementedError

    def missing_reason(self) -> str:
        """Say why there may be no value."""
        return str(_("nothing known"))


signals: Registry[Signal] = Registry(Signal, "signals")
