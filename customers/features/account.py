"""What is known about a customer at a moment from the log of changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.models import Event
from customers.events import ACCOUNT_CHANGED
from customers.models import Account
from ml.features.views import FeatureView, Point, Value, feature


@dataclass(frozen=True)
class AccountState:
    """The account as it was known."""

    tier: str
    available_at: datetime


class AccountFeatures(FeatureView):
    """Columns of the account, taken back to what they were by its events."""

    key = "account"
    entity = "account"
    owner = "customers"
    sources = ("customers.Account", "core.Event")

    def example(self) -> int | None:
        """The newest customer."""
        return Account.objects.order_by("-pk").values_list("pk", flat=True).first()

    def states(self, points: Sequence[Point]) -> Sequence[AccountState | None]:
        """Two queries."""
        ids = {point.id for point in points}
        accounts = {account.pk: account for account in Account.objects.filter(pk__in=ids)}
        changes: dict[int, list[tuple[datetime, list[str]]]] = {pk: [] for pk in accounts}
        rows = (
            Event.objects.filter(account_id__in=accounts, verb=ACCOUNT_CHANGED.verb)
            .order_by("pk")
            .values_list("account_id", "occurred_at", "recorded_at", "detail__data")
        )
        for pk, at, recorded_at, data in rows:
            changed = (data or {}).get("changed", {})
            if pk is not None and "tier" in changed:
                changes[pk].append((max(at, recorded_at), changed["tier"]))
        return [
            _state(accounts[point.id], changes[point.id], point.at) if point.id in accounts else None
            for point in points
        ]

    @feature(dtype="word", description=_("Tier"))
    def tier(self, state: AccountState) -> Value:
        """The key of the tier."""
        return state.tier


def _state(account: Account, changes: Sequence[tuple[datetime, list[str]]], at: datetime) -> AccountState:
    known = [(when, pair) for when, pair in changes if when <= at]
    later = [pair for when, pair in changes if when > at]
    tier = known[-1][1][1] if known else later[0][0] if later else account.tier
    return AccountState(str(tier), max((when for when, _pair in known), default=min(at, account.created_at)))
