"""Relationship: how we reach the people who matter, how many of them, and whether the CSM is in touch."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import percent, plain
from health.facts import DAY_SECONDS, NEVER, Facts
from health.normalisers import Piecewise, Recency
from health.peers import Cohort
from health.registry import Group, Reading, Signal
from health.signals.support import MOOD

ROLE_WEIGHTS = {"sponsor": 3.0, "buyer": 3.0, "champion": 3.0, "admin": 2.0, "user": 1.0}
KEY_ROLES = ("sponsor", "buyer", "champion", "admin")
REACH = Recency(grace=30, half_life=45)


def reach(heard: float, now: float) -> float:
    """Return 0..1: 1 up to 30 days after a person wrote, then halving every 45; 0 when never."""
    return 0.0 if heard == -NEVER else REACH(max(0.0, now - heard) / DAY_SECONDS) / 100


class KeyContacts(Signal):
    """Σ role weight · reach · mood / Σ role weight over the people with a role; mood is 0..1, 0.6 when neutral or unknown."""

    key = "key_contacts"
    label = gettext_lazy("Key contacts")
    group = Group.RELATIONSHIP
    weight = 7
    normaliser = Piecewise(((0, 10), (0.15, 45), (0.35, 75), (0.6, 100)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Mapping[int, Reading]:
        """Read accounts with at least one person whose role is known."""
        now = as_of.timestamp()
        sums: dict[int, list[float]] = {}
        for person, heard, mood in facts.people(as_of):
            weight = ROLE_WEIGHTS[person.role]
            mood_share = 0.6 if np.isnan(mood) else MOOD(mood) / 100
            pair = sums.setdefault(facts.account_ids[person.row], [0.0, 0.0, 0])
            pair[0] += weight * reach(heard, now) * mood_share
            pair[1] += weight
            pair[2] += 1
        return {
            pk: Reading(total / weight, as_of, int(people)) for pk, (total, weight, people) in sums.items()
        }

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

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Mapping[int, Reading]:
        """Read accounts with at least one person whose role is known."""
        now = as_of.timestamp()
        found: dict[int, set[str]] = {}
        for person, heard, _mood in facts.people(as_of):
            roles = found.setdefault(facts.account_ids[person.row], set())
            if person.role in KEY_ROLES and reach(heard, now) > 0.5:
                roles.add(person.role)
        return {pk: Reading(float(len(roles)), as_of, len(roles)) for pk, roles in found.items()}

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

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Mapping[int, Reading]:
        """Read accounts with a touch in the last half year."""
        now, last = as_of.timestamp(), facts.last_touch(as_of)
        return {
            facts.account_ids[row]: Reading(
                (now - last[row]) / DAY_SECONDS,
                as_of,
                1,
                {"at": datetime.fromtimestamp(last[row], UTC).isoformat()},
            )
            for row in np.flatnonzero(last > -NEVER)
        }

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Days ago."""
        return ngettext("%(days)s day ago", "%(days)s days ago", round(value)) % {"days": plain(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no touch logged in half a year")
