"""Relationship: how we reach the people who matter, how many of them, and whether the CSM is in touch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import percent, plain
from health.facts import DAY_SECONDS, ROLES, Facts, Floats, People
from health.normalisers import Piecewise, Recency
from health.peers import Cohort
from health.registry import Group, Readings, Signal
from health.signals.support import MOOD

ROLE_WEIGHTS = {"sponsor": 3.0, "buyer": 3.0, "champion": 3.0, "admin": 2.0, "user": 1.0}
KEY_ROLES = ("sponsor", "buyer", "champion", "admin")
REACH = Recency(grace=30, half_life=45)


def reach(people: People, now: float) -> Floats:
    """Return 0..1 per person: 1 up to 30 days after they wrote, then halving every 45; 0 when never."""
    return REACH.many(np.maximum(0.0, now - people.heard) / DAY_SECONDS) / 100


class KeyContacts(Signal):
    """Σ role weight · reach · mood / Σ role weight over the people with a role; mood is 0..1, 0.6 when neutral or unknown."""

    key = "key_contacts"
    label = gettext_lazy("Key contacts")
    group = Group.RELATIONSHIP
    weight = 7
    normaliser = Piecewise(((0, 10), (0.15, 45), (0.35, 75), (0.6, 100)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with at least one person whose role is known."""
        people, size = facts.people_known(as_of), len(facts)
        weight = np.array([ROLE_WEIGHTS.get(role, 1.0) for role in ROLES])[people.role]
        mood = np.where(np.isnan(people.mood), 0.6, MOOD.many(people.mood) / 100)
        total = np.bincount(people.row, weight * reach(people, as_of.timestamp()) * mood, size)
        weights = np.bincount(people.row, weight, size)
        share = np.divide(total, weights, out=np.full(size, np.nan), where=weights > 0)
        return Readings.of(facts, share, as_of, np.bincount(people.row, minlength=size))

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Share of the full value."""
        return _("%(share)s of full reach and mood") % {"share": percent(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no contact has a role")


class Multithreading(Signal):
    """How many of the four key roles wrote recently (reach over one half, so within 75 days)."""

    key = "multithreading"
    label = gettext_lazy("Roles in touch")
    group = Group.RELATIONSHIP
    weight = 4
    normaliser = Piecewise(((0, 15), (1, 55), (2, 80), (3, 92), (4, 100)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with at least one person whose role is known."""
        people, size = facts.people_known(as_of), len(facts)
        key = np.array([role in KEY_ROLES for role in ROLES])
        near = key[people.role] & (reach(people, as_of.timestamp()) > 0.5)
        pairs = np.unique(people.row[near] * len(ROLES) + people.role[near])
        roles = np.bincount(pairs // len(ROLES), minlength=size)
        known = np.bincount(people.row, minlength=size) > 0
        return Readings.of(facts, np.where(known, roles, np.nan), as_of, roles)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Number of roles."""
        return _("%(number)s of 4 key roles in touch") % {"number": plain(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no contact has a role")


class CsmTouch(Signal):
    """Days since a CSM was in touch: a logged touch or an answer by a CSM; 30 days of grace, then halving every 45."""

    key = "csm_touch"
    label = gettext_lazy("Touch by the CSM")
    group = Group.RELATIONSHIP
    weight = 5
    normaliser = Recency(grace=30, half_life=45)

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with a touch in the last half year."""
        days = (as_of.timestamp() - facts.last_touch(as_of)) / DAY_SECONDS
        return Readings.of(facts, np.where(np.isinf(days), np.nan, days), as_of)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Days ago."""
        return ngettext("%(days)s day ago", "%(days)s days ago", round(value)) % {"days": plain(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no touch logged in half a year")
