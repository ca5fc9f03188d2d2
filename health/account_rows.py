"""Tables of health whose rows go along when an account is merged into another."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.registry import AccountRows
from health.models import CsmPulse, HealthSnapshot, SurpriseChurn


class Snapshots(AccountRows):
    """Scores of days on which only the merged account had one; the others stay what they were."""

    key = "snapshots"
    label = _("Health scores of past days")
    order = 70
    model = HealthSnapshot

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out the days that the target has."""
        return self.without_twins(source, target, "as_of")


class Surprises(AccountRows):
    """Churns that no score announced, and their reviews."""

    key = "surprise_churns"
    label = _("Reviews of churns")
    order = 75
    model = SurpriseChurn

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out a churn on a day that the target has, too."""
        return self.without_twins(source, target, "left_on")


class Pulses(AccountRows):
    """What people said of the account's health."""

    key = "pulses"
    label = _("Judgements of health")
    order = 76
    model = CsmPulse
