"""Say what work costs."""

from collections.abc import Mapping
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.costs import SETTING
from tickets.events import COSTS_SAVED
from tickets.registry import channels

HIGHEST = Decimal(100_000)
DECIMALS = 4


@transaction.atomic
def save_costs(*, per_hour: Decimal, currency: str, per_message: Mapping[str, Decimal], by: Viewer) -> None:
    """Set the costs; past figures are computed with them, too. Raises ValidationError naming the field."""
    if not by.can("tickets.configure"):
        by.require("settings.manage")
    refused: dict[str, str] = {}
    if not _is_price(per_hour):
        refused["per_hour"] = _("Give an amount from 0 to 100,000, with at most four decimals.")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        refused["currency"] = _("Give the three letters of a currency, such as EUR.")
    unknown = sorted(key for key in per_message if key not in channels)
    if unknown:
        refused["per_message"] = _("There is no channel “%s”.") % ", ".join(unknown)[:80]
    elif not all(_is_price(price) for price in per_message.values()):
        refused["per_message"] = _("Give amounts from 0 to 100,000, with at most four decimals.")
    if refused:
        raise ValidationError(refused)
    wanted = {
        "per_hour": str(per_hour),
        "currency": currency.upper(),
        "per_message": {key: str(price) for key, price in sorted(per_message.items()) if price},
    }
    before = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first()
    if before == wanted:
        return
    Setting.objects.update_or_create(pk=SETTING, defaults={"value": wanted})
    COSTS_SAVED.record(by=by, subject_id=0, detail={"costs": [before, wanted]})


def _is_price(price: Decimal) -> bool:
    if not price.is_finite() or not 0 <= price <= HIGHEST:
        return False
    return price == round(price, DECIMALS)
