"""Judgement: what the CSM says about the account."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import plain
from health.facts import Facts
from health.models import CsmPulse as Pulse
from health.peers import Cohort
from health.registry import Group, Reading, Readings, Signal
from health.staged import Direct


class CsmPulse(Signal):
    """The newest judgement, 0 to 100 with a reason; whole for 30 days, then halving every 30. Not in the built-in card."""

    key = "csm_pulse"
    label = gettext_lazy("Judgement of the CSM")
    group = Group.MANUAL
    weight = 10
    normaliser = Direct()
    grace_days, half_life_days = 30, 30
    in_default_card = False

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts about which a CSM has said something by then; one query."""
        rows = Pulse.objects.filter(
            account_id__in=facts.account_ids, given_at__lte=as_of, recorded_at__lte=as_of
        ).order_by("given_at", "pk")
        found = {
            pulse.account_id: Reading(pulse.value, pulse.given_at, 1, {"reason": pulse.reason[:120]})
            for pulse in rows
        }
        return Readings.from_single(facts, found)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Value and reason."""
        return f"{plain(value)}: {detail.get('reason', '')}"

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("the CSM has not said anything")
