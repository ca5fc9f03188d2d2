"""Adoption: how much of the product is used."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from health.facts import Facts
from health.normalisers import CohortPercentile
from health.peers import Cohort
from health.registry import Group, Readings, Signal


class FeatureBreadth(Signal):
    """Number of different features used in 28 days, ranked among comparable accounts."""

    key = "feature_breadth"
    label = gettext_lazy("Features in use")
    group = Group.ADOPTION
    weight = 9
    normaliser = CohortPercentile()
    needs_peers = True

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts that were ever used."""
        return Readings.of(facts, facts.features_used(as_of), as_of, 28)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Number of features."""
        return ngettext(
            "%(number)d feature in four weeks", "%(number)d features in four weeks", int(value)
        ) % {"number": int(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs usage data and five comparable accounts")
