"""Say what currencies cost, and which one sums are made in."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Setting
from customers.events import BASE_CURRENCY_SET, RATES_SAVED
from customers.models import ExchangeRate
from customers.money import SETTING, base_currency
from people.viewer import Viewer

MOST_RATES = 500
HIGHEST = Decimal(10) ** 9


@transaction.atomic
def save_exchange_rates(*, rates: Sequence[Mapping[str, Any]], by: Viewer) -> list[ExchangeRate]:
    """Record rates (``day``, ``currency``, ``rate``: base units per unit) and return their rows, in the order given.

    One that holds already is answered by the row that says it. Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    if len(rates) > MOST_RATES:
        raise ValidationError({"items": _("At most %d at a time.") % MOST_RATES})
    base, now = base_currency(), timezone.now()
    wanted = [_checked(rate, base) for rate in rates]
    held = ExchangeRate.objects.filter(
        base_currency=base, day__in={one.day for one in wanted}, currency__in={one.currency for one in wanted}
    )
    known = {(row.day, row.currency): row for row in held.order_by("recorded_at", "pk")}
    rows, made = [], []
    for one in wanted:
        same = known.get((one.day, one.currency))
        if same is None or same.rate != one.rate:
            one.recorded_at = now
            made.append(one)
            known[one.day, one.currency] = same = one
        rows.append(same)
    ExchangeRate.objects.bulk_create(made)
    if made:
        told = [[row.day, row.currency, row.rate] for row in made[:20]]
        RATES_SAVED.record(by=by, subject_id=0, detail={"base": base, "rates": told, "count": len(made)})
    return rows


def _checked(rate: Mapping[str, Any], base: str) -> ExchangeRate:
    currency, value, day = str(rate["currency"]).strip().upper(), rate["rate"], rate["day"]
    refused = {}
    if not is_currency(currency):
        refused["currency"] = _("Give the three letters of a currency, such as EUR.")
    elif currency == base:
        refused["currency"] = _("This is the base currency; its rate is 1.")
    if not 0 < value <= HIGHEST:
        refused["rate"] = _("Give a number above zero.")
    if day > timezone.now().date() + timedelta(days=1):
        refused["day"] = _("This day is yet to come.")
    if refused:
        raise ValidationError(refused)
    return ExchangeRate(day=day, currency=currency, base_currency=base, rate=value)


def is_currency(text: str) -> bool:
    """Say whether a text can be the code of a currency (ISO 4217)."""
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


@transaction.atomic
def set_base_currency(*, currency: str, by: Viewer) -> None:
    """Choose the currency of sums over accounts. What the ledger has in another one stays as it was booked.

    Raises ValidationError naming ``currency``.
    """
    by.require("settings.manage")
    wanted, before = currency.strip().upper(), base_currency()
    if not is_currency(wanted):
        raise ValidationError({"currency": _("Give the three letters of a currency, such as EUR.")})
    if wanted == before:
        return
    Setting.objects.update_or_create(pk=SETTING, defaults={"value": wanted})
    BASE_CURRENCY_SET.record(by=by, subject_id=0, detail={"changed": [before, wanted]})
