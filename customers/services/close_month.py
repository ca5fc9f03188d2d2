"""Close a month: its figures stay as they are known now, whatever is recorded later."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import MONTH_CLOSED
from customers.models import Account, MonthClose
from customers.money import rates_on
from customers.revenue_figures import month_end, read_ledger, year_before
from people.viewer import Viewer


def close_month(*, month: date, by: Viewer) -> MonthClose:
    """Freeze the figures of the twelve months up to the end of a month (any day of it), for everybody.

    Raises ValidationError naming ``month`` for a month that is not over, is closed, or of which a rate is missing.
    """
    by.require("customers.close_months")
    end, now = month_end(month), timezone.now()
    if end >= now.date():
        raise ValidationError({"month": _("This month is not over yet.")})
    first, start = end.replace(day=1), year_before(end)
    rates = rates_on(end, now)
    ledger = read_ledger(Account.objects.all(), first=start, last=end, known_at=now)
    book = ledger.book(rates, now.date())
    if book.left_out:
        raise ValidationError({"month": _("First record an exchange rate of %s.") % ", ".join(book.left_out)})
    closing = MonthClose(
        month=first,
        closed_at=now,
        closed_by_id=by.user_id,
        known_at=now,
        base_currency=rates.base,
        rates={currency: str(rate) for currency, rate in sorted(rates.rates.items())},
        figures=book.figures(start, end).told(),
        groups={name: one.told() for name, one in book.groups("tier", start, end).items()},
    )
    try:
        with transaction.atomic():
            closing.save(force_insert=True)
            MONTH_CLOSED.record(
                by=by, subject_id=closing.pk, detail={"month": first, "figures": closing.figures}
            )
    except IntegrityError:
        raise ValidationError({"month": _("This month is closed already.")}) from None
    return closing


def next_month_to_close(today: date) -> date | None:
    """Return the first day of the month after the last closed one, of last month when none is; None when it is not over."""
    last = MonthClose.objects.order_by("-month").values_list("month", flat=True).first()
    this = today.replace(day=1)
    if last is None:
        return (this - timedelta(days=1)).replace(day=1)
    following = month_end(last) + timedelta(days=1)
    return following if following < this else None
