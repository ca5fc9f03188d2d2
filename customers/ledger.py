"""Reads of the revenue ledger: the one answer to "how much was it as of that day, as known at that moment"."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum
from django.utils import timezone

from customers.models import Account, RevenueMovement
from customers.money import Rates, cents


@dataclass(frozen=True)
class Balance:
    """Yearly recurring revenue by currency; currencies of which nothing is left are not in it."""

    amounts: Mapping[str, Decimal]

    def in_currency(self, currency: str) -> Decimal:
        """Return what is in one currency, zero when nothing is."""
        return self.amounts.get(currency, Decimal(0))

    def in_base(self, rates: Rates) -> Decimal | None:
        """Return the sum at one set of rates, in whole cents; None when one of the currencies has no rate."""
        sums = [rates.in_base(amount, currency) for currency, amount in self.amounts.items()]
        return None if None in sums else sum((one for one in sums if one is not None), Decimal(0))


NOTHING = Balance({})


def revenue_as_of(
    accounts: Collection[int] | QuerySet[Account] | None,
    *,
    effective_on: date,
    known_at: datetime | None = None,
    by_product: bool = False,
) -> dict[tuple[int, str], Balance]:
    """Return the ARR of accounts (ids, a query of them, None: all) as of a day, as known at a moment (now for None).

    Keys are (account id, product), the product empty unless ``by_product``; who has nothing is not among them. One query,
    whatever the number of accounts. The sum over the rows is the answer, since corrections are rows of the opposite amount.
    """
    rows = RevenueMovement.objects.known(known_at).filter(effective_on__lte=effective_on)
    if accounts is not None:
        rows = rows.filter(account__in=accounts)
    names = ["account_id", "product", "currency"] if by_product else ["account_id", "currency"]
    found: dict[tuple[int, str], dict[str, Decimal]] = {}
    for row in rows.order_by().values(*names).annotate(total=Sum("amount")):
        total = cents(row["total"])  # SQLite adds floats; cents are exact up to fifteen digits
        if total:
            found.setdefault((row["account_id"], row.get("product", "")), {})[row["currency"]] = total
    return {key: Balance(amounts) for key, amounts in found.items()}


def arr_now(accounts: Iterable[Account], today: date | None = None) -> dict[int, Decimal]:
    """Return the ARR of accounts in their own currencies as of today (UTC); one query."""
    accounts = list(accounts)
    today = today or timezone.now().date()
    found = revenue_as_of([account.pk for account in accounts], effective_on=today)
    return {one.pk: found.get((one.pk, ""), NOTHING).in_currency(one.currency) for one in accounts}
