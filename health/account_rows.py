"""Tables of health whose rows go along when an account is merged into another."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.registry import AccountRows
from health.models import HealthSnapshot


class Snapshots(AccountRows):
    """Scores of days on which only the merged account had one; the others stay what they were."""

    key = "snapshots"
    label = _("Health scores of past days")
    order = 70
    model = HealthSnapshot

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out the days that the target has."""
        return self.without_twins(source, target, "as_of")
