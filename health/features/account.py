"""The features of the churn model as a view: the same function that training, scoring and backtest call."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from customers.models import Account
from health.churn.features import FEATURES, Row, features_as_of
from health.facts import Facts
from ml.features.views import Definition, FeatureView, Point, Reading

# What a feature means has changed: taken as it was at the moment, or computed from other parts.
VERSIONS = dict.fromkeys(
    ("days_to_renewal", "reach", "roles", "seat_use", "tenure_days", "tickets", "trouble"), 2
)
# The tier is a feature of the accounts themselves.
ELSEWHERE = frozenset({"tier"})


class AccountHealthFeatures(FeatureView):
    """Computed from usage, tickets, messages and contacts with both their moments; see ``health.facts``."""

    key = "account_health"
    entity = "account"
    owner = "health"
    sources = (
        "customers.UsageDaily",
        "customers.Account",
        "customers.Subscription",
        "customers.Contact",
        "tickets.Ticket",
        "tickets.Message",
        "core.Event",
    )

    def definitions(self) -> Sequence[Definition]:
        """Those of ``health.churn.features``."""
        return [
            self.define(name, VERSIONS.get(name, 1), "number", one.label)
            for name, one in FEATURES.items()
            if name not in ELSEWHERE
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

    def _reading(self, values: Row | None, point: Point) -> Reading:
        if values is None:
            return Reading()
        told = {one.name: values[one.name.partition(".")[2]] for one in self.definitions()}
        return Reading(told, point.at)
