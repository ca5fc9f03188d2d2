"""Reads of invoices: what is overdue as of a day, as known at a moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Max, QuerySet

from customers.models import Account, Invoice, InvoiceRevision

#: An invoice that is late by more days than this is a fact that a health card may act upon.
LONG_OVERDUE_DAYS = 30


@dataclass(frozen=True, slots=True)
class OverdueInvoice:
    """An invoice that was not paid by the day it was due; ``days`` is how long ago that was."""

    invoice_id: int
    account_id: int
    due_on: date
    days: int
    amount: Decimal
    currency: str


def overdue_invoices(
    account_ids: Collection[int] | QuerySet[Account],
    as_of: date,
    *,
    known_at: datetime | None = None,
    more_than_days: int = 0,
) -> dict[int, list[OverdueInvoice]]:
    """Return by account the invoices that were overdue on a day by more than so many days, the oldest first; one query.

    With ``known_at`` only what was recorded by then is known; without, what is known now. One that was paid later than
    ``as_of`` was open on that day.
    """
    rows: QuerySet[Invoice] | QuerySet[InvoiceRevision]
    if known_at is None:
        rows = Invoice.objects.filter(account__in=account_ids)
        name = "pk"
    else:
        then = InvoiceRevision.objects.filter(account__in=account_ids, recorded_at__lte=known_at)
        newest = then.order_by().values("invoice").annotate(newest=Max("pk")).values("newest")
        rows, name = InvoiceRevision.objects.filter(pk__in=newest), "invoice_id"
    status = Invoice.Status
    values = rows.filter(due_on__lt=as_of, status__in=[status.OPEN, status.PAID]).values_list(
        name, "account_id", "due_on", "amount", "currency", "status", "paid_on"
    )
    found: dict[int, list[OverdueInvoice]] = {}
    for pk, account_id, due_on, amount, currency, now, paid_on in values.order_by("due_on", name):
        days = (as_of - due_on).days
        was_open = now == status.OPEN or (paid_on is not None and paid_on > as_of)
        if was_open and days > more_than_days:
            row = OverdueInvoice(pk, account_id, due_on, days, amount, currency)
            found.setdefault(account_id, []).append(row)
    return found
