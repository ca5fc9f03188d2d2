"""Create, change and delete business calendars: working hours of people and clocks of promises."""

from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.models import Calendar
from people.events import CALENDAR_DELETED, CALENDAR_SAVED
from people.viewer import Viewer


@transaction.atomic
def save_calendar(
    *,
    name: str,
    timezone: str,
    windows: Mapping[str, Sequence[Sequence[str]]],
    holidays: Sequence[str],
    by: Viewer,
    holiday_country: str = "",
    holiday_region: str = "",
    calendar: Calendar | None = None,
) -> Calendar:
    """Save opening windows per weekday ("0" is Monday), ISO dates of own holidays, and whose public ones count (codes of
    ``core.public_holidays``). Raises ValidationError."""
    by.require("settings.manage")
    row = Calendar() if calendar is None else Calendar.objects.select_for_update().get(pk=calendar.pk)
    changes = apply_changes(
        row,
        name=name.strip(),
        timezone=timezone,
        windows=dict(windows),
        holidays=sorted(set(holidays)),
        holiday_country=holiday_country,
        holiday_region=holiday_region,
    )
    row.full_clean()
    row.save()
    if changes or calendar is None:
        CALENDAR_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def delete_calendar(*, calendar: Calendar, by: Viewer) -> None:
    """Delete a calendar that no promise uses; people with these working hours have none afterwards."""
    by.require("settings.manage")
    number, name = calendar.pk, calendar.name
    try:
        calendar.delete()
    except ProtectedError as error:
        raise ValidationError(
            _("An SLA policy uses this calendar. Choose another one there first.")
        ) from error
    CALENDAR_DELETED.record(by=by, subject_id=number, detail={"name": name})
