"""Contract: how near the renewal is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import plain
from health.facts import Facts
from health.normalisers import Piecewise
from health.peers import Cohort
from health.registry import Group, Readings, Signal


class RenewalNear(Signal):
    """Days to the next anniversary of the renewal date: the nearer, the sooner a customer may leave."""

    key = "renewal_near"
    label = gettext_lazy("Time to renewal")
    group = Group.COMMERCIAL
    weight = 5
    normaliser = Piecewise(((0, 40), (30, 55), (90, 70), (180, 85), (365, 95)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with a renewal date."""
        return Readings.of(facts, facts.days_to_renewal(as_of), as_of)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Days ahead."""
        return ngettext("in %(days)s day", "in %(days)s days", round(value)) % {"days": plain(value)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("no renewal date")
