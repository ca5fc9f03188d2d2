"""Settings: business calendars."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core.calendars import CalendarError, OpeningHours
from core.models import Calendar
from core.pages.forms import (
    FormPage,
    ListItem,
    ListPage,
    PostButton,
    done,
    form_page,
    list_page,
    refused,
    submitted,
)
from core.public_holidays import countries
from people.forms import CalendarForm, region_choices
from people.requests import StaffRequest, page
from people.selectors import calendar_list
from people.services.save_calendar import delete_calendar, save_calendar

PREVIEW_DAYS = 14


@page("settings.manage")
def calendars(request: StaffRequest) -> HttpResponse:
    """List the calendars with their weeks in words."""
    items = [
        ListItem(
            name=calendar.name,
            url=reverse("settings-calendar", args=[calendar.pk]),
            sub=week_in_words(calendar),
            chips=[(calendar.timezone.replace("_", " "), "")],
            right=_holidays_in_words(calendar),
        )
        for calendar in calendar_list(request.viewer)
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Calendars"),
            lead=_("Opening hours for SLA clocks and working hours of people."),
            new_url=reverse("settings-calendar-new"),
            new_label=_("New calendar"),
            empty_title=_("Say when you are open"),
            empty_text=_("Without a calendar SLA clocks never stop and tickets are given out at any hour."),
            icon="calendar",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def calendar_form(request: StaffRequest, calendar_id: int | None = None) -> HttpResponse:
    """Create or change a calendar."""
    calendar = get_object_or_404(calendar_list(request.viewer), pk=calendar_id) if calendar_id else None
    if calendar is not None:
        initial = CalendarForm.initial_of(calendar)
    else:
        initial = {
            "timezone": request.user.timezone,
            **{f"day_{number}": "09:00-17:00" for number in range(5)},
        }
    form = CalendarForm(request.POST or None, initial=initial)
    if (
        request.method == "POST"
        and submitted(form, save_calendar, calendar=calendar, by=request.viewer) is not None
    ):
        return done(request, _("Calendar saved."), "settings-calendars")
    frame = FormPage(
        heading=calendar.name if calendar else _("New calendar"),
        lead=_("Opening hours are windows such as 09:00-12:00, 13:00-17:00. An empty day is closed."),
        back_url=reverse("settings-calendars"),
        fieldsets=[
            ("", ["name", "timezone"]),
            (_("Opening hours"), [f"day_{number}" for number in WEEKDAYS]),
            (_("Holidays"), ["holiday_country", "holiday_region", "holidays"]),
        ],
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-calendar-delete", args=[calendar.pk]),
                confirm=_("People with these working hours have none afterwards."),
            )
        ]
        if calendar
        else [],
    )
    days = next_days(calendar.hours()) if calendar else []
    return form_page(request, form, frame, template="people/calendar.html", days=days)


@page("settings.manage")
def calendar_regions(request: StaffRequest) -> HttpResponse:
    """The options of the region for the country that was chosen."""
    choices = region_choices(request.GET.get("holiday_country", "")[:2])
    return render(request, "people/_region_options.html", {"choices": choices})


@require_POST
@page("settings.manage")
def calendar_preview(request: StaffRequest) -> HttpResponse:
    """The next fourteen days as the form on the page would have them; nothing is saved."""
    form = CalendarForm(request.POST)
    context: dict[str, object] = {"days": [], "problem": ""}
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            hours = OpeningHours.parse(
                timezone=wanted["timezone"],
                windows=wanted["windows"],
                holidays=wanted["holidays"],
                country=wanted["holiday_country"],
                region=wanted["holiday_region"],
            )
            context["days"] = next_days(hours)
        except CalendarError as error:
            context["problem"] = str(error)
    else:
        context["problem"] = next(iter(form.errors.values()))[0]
    return render(request, "people/_calendar_preview.html", context)


@dataclass(frozen=True)
class PreviewDay:
    """A day of a calendar: its windows in the calendar's own time, and the holiday that closes it (None: none)."""

    on: date
    windows: list[tuple[str, str]]
    holiday: str | None


def next_days(hours: OpeningHours, count: int = PREVIEW_DAYS) -> list[PreviewDay]:
    """Return the next days of a calendar, from today in its time zone."""
    today = timezone.now().astimezone(hours.zone).date()
    days = [today + timedelta(days=offset) for offset in range(count)]
    return [
        PreviewDay(
            on=day,
            windows=[
                (f"{start.astimezone(hours.zone):%H:%M}", f"{end.astimezone(hours.zone):%H:%M}")
                for start, end in hours.spans(day)
            ],
            holiday=hours.holiday_name(day),
        )
        for day in days
    ]


def _holidays_in_words(calendar: Calendar) -> str:
    """Return "Germany, BY · 2 own holidays"."""
    country = countries().get(calendar.holiday_country, "")
    place = ", ".join(part for part in (country, calendar.holiday_region) if part)
    count = len(calendar.holidays)
    own = ngettext("%(count)s own holiday", "%(count)s own holidays", count) % {"count": count}
    return " · ".join(part for part in (place, own if count or not place else "") if part)


@require_POST
@page("settings.manage")
def calendar_delete(request: StaffRequest, calendar_id: int) -> HttpResponse:
    """Delete a calendar that no promise uses."""
    calendar = get_object_or_404(calendar_list(request.viewer), pk=calendar_id)
    try:
        delete_calendar(calendar=calendar, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-calendar", args=[calendar_id]))
    return done(request, _("Calendar deleted."), "settings-calendars")


def week_in_words(calendar: Calendar) -> str:
    """Return "Mon–Fri 09:00-17:00" from the windows; days with the same hours that follow each other are joined."""
    runs: list[tuple[int, int, str]] = []
    for number in range(7):
        hours = ", ".join(f"{start}–{end}" for start, end in calendar.windows.get(str(number), []))
        if runs and runs[-1][2] == hours and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number, hours)
        else:
            runs.append((number, number, hours))
    return " · ".join(
        f"{WEEKDAYS_ABBR[first]}{f'–{WEEKDAYS_ABBR[last]}' if last > first else ''} {hours}"
        for first, last, hours in runs
        if hours
    )
