"""Exchange rates, for sums over accounts of several currencies."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExchangeRate(models.Model):
    """What one unit of a currency cost in the base currency on a day. Append-only: of two for a day the later one holds."""

    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    base_currency = models.CharField(max_length=3)
    rate = models.DecimalField(_("rate"), max_digits=18, decimal_places=8)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["currency", "day"], name="exchange_rate_day")]
