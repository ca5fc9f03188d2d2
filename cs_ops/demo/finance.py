"""The demo company's money beside its contracts: exchange rates, products of movements, invoices, a closed month."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cs_ops.demo.latent import stream
from customers.models import ExchangeRate, Invoice, InvoiceRevision, RevenueMovement, Subscription
from customers.money import RateTable, base_currency, cents
from customers.revenue_figures import last_month_ends
from customers.services.close_month import close_month
from people.viewer import system_viewer

if TYPE_CHECKING:
    from cs_ops.demo.companies import Company

# Base units (EUR) per unit, about as in 2025; they wander a little from month to month.
RATES = {
    "USD": 0.92, "GBP": 1.17, "CHF": 1.05, "SEK": 0.088, "DKK": 0.134, "NOK": 0.086, "PLN": 0.233, "CZK": 0.04, "HUF": 0.0025,
    "JPY": 0.0061, "INR": 0.0108, "CAD": 0.67, "AUD": 0.6, "BRL": 0.165, "MXN": 0.048, "SGD": 0.69, "NZD": 0.55,
}  # fmt: skip
RATE_MONTHS = 72
STATUS = Invoice.Status


def add_rates(seed: int, currencies: Iterable[str], now: datetime) -> RateTable:
    """Write a rate for the end of each month of six years and return the table."""
    base = base_currency()
    rows = []
    for currency in sorted(set(currencies) - {base}):
        rng = stream(seed, "rates", currency)
        value = RATES.get(currency, 1.0)
        for day in last_month_ends(now.date() - timedelta(days=1), RATE_MONTHS):
            value *= 1 + float(rng.normal(0, 0.008))
            rate = Decimal(str(round(value, 6)))
            rows.append(
                ExchangeRate(day=day, currency=currency, base_currency=base, rate=rate, recorded_at=now)
            )
    ExchangeRate.objects.bulk_create(rows, batch_size=1000)
    return RateTable()


def booked(
    movements: Sequence[RevenueMovement], subscriptions: Sequence[Subscription], table: RateTable
) -> Iterator[RevenueMovement]:
    """Yield the movements of one account by product, in the shares of its subscriptions, with their booked amounts."""
    whole = sum((row.arr for row in subscriptions), Decimal(0))
    for movement in movements:
        left = movement.amount
        for row in reversed(subscriptions):
            is_last = row is subscriptions[0]
            part = left if is_last else cents(movement.amount * row.arr / whole) if whole else Decimal(0)
            left -= part
            rate = table.on(movement.effective_on, movement.currency)
            yield RevenueMovement(
                account=movement.account, subscription=row, product=row.product, kind=movement.kind, amount=part,
                currency=movement.currency, effective_on=movement.effective_on, notice_on=movement.notice_on,
                recorded_at=movement.recorded_at, rate=rate, base_currency=table.base,
                amount_base=None if rate is None else cents(part * rate),
            )  # fmt: skip


def add_invoices(seed: int, companies: Sequence["Company"], now: datetime) -> None:
    """Write a year of invoices, each quarter in advance; the unhappy pay late or not at all."""
    invoices = [row for company in companies for row in _invoices(seed, company, now)]
    Invoice.objects.bulk_create(invoices, batch_size=1000)
    names = ("account_id", "issued_on", "due_on", "amount", "currency", "status", "paid_on")
    InvoiceRevision.objects.bulk_create(
        (
            InvoiceRevision(
                invoice=row, recorded_at=row.recorded_at, **{name: getattr(row, name) for name in names}
            )
            for row in invoices
        ),
        batch_size=1000,
    )


def _invoices(seed: int, company: "Company", now: datetime) -> Iterator[Invoice]:
    rng, account, today = stream(seed, "invoices", company.number), company.account, now.date()
    paid = account.arr or Decimal(company.account.seats * 500)
    for number in range(4):
        issued = today - timedelta(days=91 * (4 - number) - int(rng.integers(0, 20)))
        if issued < company.since or (company.ends_on is not None and issued > company.ends_on):
            continue
        due = issued + timedelta(days=30)
        delay = int(rng.integers(-18, 6)) + int(
            max(0.0, -company.life.at(issued, today)) * rng.uniform(0, 45)
        )
        paid_on = due + timedelta(days=delay)
        # A few of those who are late have not paid at all.
        is_paid = paid_on <= today and not (delay > 20 and number >= 2)
        yield Invoice(
            external_id=f"INV-{account.external_id}-{issued:%y%m}",
            account=account,
            issued_on=issued,
            due_on=due,
            amount=cents(paid / 4),
            currency=account.currency,
            status=STATUS.PAID if is_paid else STATUS.OPEN,
            paid_on=paid_on if is_paid else None,
            recorded_at=now,
        )


def close_last_month(now: datetime) -> None:
    """Close the month before the last one, so that the log of closed months has something to show."""
    before_last: date = last_month_ends(now.date() - timedelta(days=1), 2)[0]
    close_month(month=before_last, by=system_viewer("seed"))
