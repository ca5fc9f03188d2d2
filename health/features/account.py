"""The features of the churn model as a view: the same function that training, scoring and backtest call."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from customers.models import Account
from health.churn.features import FEATURES, features_as_of
from health.facts import Facts
from ml.features.views import Definition, FeatureView, Point, Reading

# These know something of today: the tier, and the priority of tickets in the open trouble.
TODAYS = frozenset({"tier", "trouble"})


class AccountHealthFeatures(FeatureView):
    """Computed from usage, tickets, messages and contacts with both their moments; see ``health.facts``."""

    key = "account_health"
    entity = "account"
    owner = "health"
    sources = ("customers.UsageDaily", "tickets.Ticket", "tickets.Message", "customers.Contact")

    def definitions(self) -> Sequence[Definition]:
        """Those of ``health.churn.features`` that are entirely of the moment."""
        return [
            self.define(name, 1, "number", one.label) for name, one in FEATURES.items() if name not in TODAYS
        ]

    def example(self) -> int | None:
        """The newest customer."""
        return Account.objects.order_by("-pk").values_list("pk", flat=True).first()

    def readings(self, points: Sequence[Point]) -> list[Reading]:
        """A dozen queries, and one computation for each moment."""
        moments: dict[datetime, list[int]] = defaultdict(list)
        for point in points:
            moments[point.at].append(point.id)
        if not moments:
            return []
        ids = sorted({point.id for point in points})
        facts = Facts(ids, first=min(moments), last=max(moments))
        known = {(pk, at): values for at in moments for pk, values in features_as_of(facts, at).items()}
        return [self._reading(known.get((point.id, point.at)), point) for point in points]

    def _reading(self, values: dict[str, float | None] | None, point: Point) -> Reading:
        if values is None:
            return Reading()
        told = {one.name: values[one.name.partition(".")[2]] for one in self.definitions()}
        return Reading(told, point.at)
