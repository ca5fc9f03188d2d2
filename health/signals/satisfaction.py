"""Satisfaction: how the people of an account rated our solutions lately."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import plain
from health.facts import NEVER, Facts
from health.normalisers import Piecewise
from health.peers import Cohort
from health.registry import Group, Readings, Signal
from tickets.satisfaction import GOOD

WINDOW_DAYS = 180
# Few answers say little: five more are thought of, of which four are good.
PRIOR_ANSWERS, PRIOR_GOOD = 5.0, 0.8


class Satisfaction(Signal):
    """Share of good ratings (4 and 5 of 5) of 180 days, shrunk: (good + 5·0.8) / (ratings + 5)."""

    key = "satisfaction"
    label = gettext_lazy("Satisfaction ratings")
    group = Group.SENTIMENT
    weight = 6
    normaliser = Piecewise(((0.3, 0), (0.5, 25), (0.65, 50), (0.8, 75), (0.95, 100)))
    grace_days, half_life_days = 45, 45

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts of which at least one rating is known."""
        rows, size = facts.ratings(as_of, days=WINDOW_DAYS), len(facts)
        rated = np.bincount(rows.row, minlength=size)
        good = np.bincount(rows.row[rows.score >= GOOD], minlength=size)
        sums = np.bincount(rows.row, weights=rows.score, minlength=size)
        last = np.full(size, -NEVER)
        np.maximum.at(last, rows.row, rows.known)
        share = (good + PRIOR_ANSWERS * PRIOR_GOOD) / (rated + PRIOR_ANSWERS)
        mean = np.round(sums / np.maximum(rated, 1), 2)
        return Readings.of(
            facts, np.where(rated > 0, share, np.nan), last, rated, good=good, rated=rated, mean=mean
        )

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """How many of how many ratings were good, and their mean."""
        rated = int(detail.get("rated", 0))
        words = ngettext(
            "%(good)d of %(rated)d rating good, mean %(mean)s of 5",
            "%(good)d of %(rated)d ratings good, mean %(mean)s of 5",
            rated,
        )
        return words % {
            "good": int(detail.get("good", 0)),
            "rated": rated,
            "mean": plain(detail.get("mean"), 1),
        }

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no rating in half a year")
