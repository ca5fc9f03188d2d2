"""Business calendars: when the clock of a promise runs."""

import json
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.calendars import CalendarError, OpeningHours


class Calendar(models.Model):
    """Opening windows per weekday in a time zone, minus holidays.

    ``windows`` maps "0".."6" (Monday first) to lists of ["HH:MM", "HH:MM"]; ``holidays`` lists ISO dates, beside the public
    ones of ``holiday_country`` and ``holiday_region`` (codes of ``core.public_holidays``).
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    windows = models.JSONField(_("opening hours"), default=dict)
    holidays = models.JSONField(_("holidays"), default=list, blank=True)
    holiday_country = models.CharField(_("public holidays of"), max_length=2, blank=True)
    holiday_region = models.CharField(_("region"), max_length=16, blank=True)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse windows that overlap or run backwards, unknown zones and dates."""
        try:
            self.hours()
        except CalendarError as error:
            raise ValidationError(str(error)) from error

    def hours(self) -> OpeningHours:
        """Return the calendar as a value that computes business time; equal calendars share one, with its summed days."""
        return _hours(
            self.timezone,
            json.dumps(self.windows, sort_keys=True),
            json.dumps(self.holidays),
            self.holiday_country,
            self.holiday_region,
        )


@lru_cache(maxsize=256)
def _hours(timezone: str, windows: str, holidays: str, country: str, region: str) -> OpeningHours:
    return OpeningHours.parse(
        timezone=timezone,
        windows=json.loads(windows),
        holidays=json.loads(holidays),
        country=country,
        region=region,
    )
