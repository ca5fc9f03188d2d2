"""Of which accounts the churn model learns: all of them, or evenly drawn ones where there are very many.

Accounts are drawn, not outcomes: whoever draws leavers and stayers at different rates gets probabilities that mean nothing.
"""

from collections.abc import Sequence
from datetime import date

from customers.models import Account, UsageDaily
from health.churn.observations import FIRST_AFTER, grid_days

# A few thousand leavers teach additive tables all that they can hold; more rows cost minutes.
MOST_OBSERVATIONS = 60_000


def accounts_to_learn_from(until: date, *, most: int = MOST_OBSERVATIONS) -> Sequence[int] | None:
    """Return the ids of the accounts, None for all."""
    first = UsageDaily.objects.order_by("day").values_list("day", flat=True).first()
    moments = len(grid_days(first + FIRST_AFTER, until)) if first is not None else 0
    accounts = Account.objects.count()
    if accounts * moments <= most:
        return None
    step = -(-accounts * moments // most)
    return list(Account.objects.order_by("pk").values_list("pk", flat=True))[::step]
