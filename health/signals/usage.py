"""Usage: users against the account's own past, direction, use of the seats bought, days since the last use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import percent, plain
from health.facts import Facts, Floats
from health.normalisers import Piecewise, Recency, SelfBaseline, Trend
from health.peers import Cohort
from health.registry import Group, Readings, Signal

BASELINE_WEEKS = slice(1, 23)  # of 27: days -182 to -28
FEWEST_WEEKS = 8
TREND_WEEKS = 8


def row_medians(table: Floats, wanted: npt.NDArray[np.bool_]) -> Floats:
    """Return the median of what is known in each wanted row (which know something), NaN for the others."""
    medians = np.full(len(table), np.nan)
    whole = wanted & ~np.isnan(table).any(axis=1)
    medians[whole] = np.median(table[whole], axis=1)
    part = wanted & ~whole
    if part.any():
        medians[part] = np.nanmedian(table[part], axis=1)
    return medians


class ActiveUsers(Signal):
    """Mean daily users of the last 28 days against the median week of the 22 before, in robust deviations.

    z = (now / cohort ratio − median) / (1.4826·MAD + ε) on weekly means, so that weekends are no noise; ε is 5 % of the
    median and at least a quarter user. Dividing by the cohort's ratio of the same days keeps Christmas from looking like
    churn.
    """

    key = "active_users"
    label = gettext_lazy("Active users")
    group = Group.USAGE
    weight = 15
    normaliser = SelfBaseline()

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with at least eight weeks of use before the last four."""
        weekly = facts.usage(as_of).weekly_users
        past, recent = weekly[:, BASELINE_WEEKS], weekly[:, -4:].mean(axis=1)
        weeks = (~np.isnan(past)).sum(axis=1)
        median = row_medians(past, weeks >= FEWEST_WEEKS)
        spread = 1.4826 * row_medians(np.abs(past - median[:, None]), weeks >= FEWEST_WEEKS)
        spread += np.maximum(0.05 * median, 0.25)
        names, places = facts.segments(as_of)
        now = recent / np.array([cohort.ratio(name) for name in names])[places]
        z = (now - median) / spread
        return Readings.of(facts, z, as_of, weeks, now=np.round(recent, 3), usual=np.round(median, 3))

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Users a day now and usually."""
        return _("%(now)s a day, usually %(usual)s") % {
            "now": plain(detail.get("now"), 1),
            "usual": plain(detail.get("usual"), 1),
        }

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs twelve weeks of usage data")


class UsageTrend(Signal):
    """Theil-Sen slope of the last eight weekly means of daily users, relative to their median: change per week."""

    key = "usage_trend"
    label = gettext_lazy("Usage trend")
    group = Group.USAGE
    weight = 8
    normaliser = Trend()

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with eight weeks of use, some of it not zero."""
        weekly = facts.usage(as_of).weekly_users[:, -TREND_WEEKS:]
        left, right = np.triu_indices(TREND_WEEKS, 1)
        slope = np.median((weekly[:, right] - weekly[:, left]) / (right - left), axis=1)
        middle = np.median(weekly, axis=1)
        some = np.nan_to_num(middle) > 0
        relative = np.divide(slope, middle, out=np.full(len(facts), np.nan), where=some)
        return Readings.of(facts, relative, as_of, TREND_WEEKS)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Change per week."""
        return _("%(change)s a week") % {"change": percent(value, 1)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs eight weeks of usage data")


class SeatUse(Signal):
    """Users over seats: the mean of the busiest day of each of the last four weeks, over the seats bought."""

    key = "seat_use"
    label = gettext_lazy("Use of seats")
    group = Group.ADOPTION
    weight = 14
    normaliser = Piecewise(((0, 0), (0.5, 50), (0.8, 85), (1, 100)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with seats and use."""
        users = facts.usage(as_of).users[:, -28:]
        busiest = users.reshape(len(users), 4, 7).max(axis=2).mean(axis=1)
        seats = facts.seats(as_of)
        share = np.divide(busiest, seats, out=np.full(len(facts), np.nan), where=seats > 0)
        return Readings.of(facts, share, as_of, 28, users=np.round(busiest, 1), seats=seats.astype(int))

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Users of seats."""
        return _("%(users)s of %(seats)s seats in use") % {
            "users": plain(detail.get("users")),
            "seats": plain(detail.get("seats")),
        }

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs usage data and a number of seats")


class LastUse(Signal):
    """Days since the last day with use; two days of grace, then halving every week."""

    key = "last_use"
    label = gettext_lazy("Last use")
    group = Group.USAGE
    weight = 8
    normaliser = Recency(grace=2, half_life=7)

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts that were ever used."""
        users = facts.usage(as_of).users
        used = np.nan_to_num(users) > 0
        silent = np.where(used.any(axis=1), used[:, ::-1].argmax(axis=1), users.shape[1])
        return Readings.of(facts, np.where(np.isnan(users[:, -1]), np.nan, silent + 1.0), as_of)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Days ago."""
        return ngettext("used %(days)s day ago", "used %(days)s days ago", round(value)) % {
            "days": plain(value)
        }

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no usage data")
