"""Business time: exact over daylight saving, split shifts and holidays."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import CalendarError, OpeningHours
from core.models import Calendar
from people.models import User

WEEK = {str(day): [["09:00", "12:30"], ["13:30", "18:00"]] for day in range(5)}
ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]

moments = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC))
hours = st.builds(
    lambda zone, holidays: OpeningHours.parse(
        timezone=zone, windows=WEEK, holidays=[day.isoformat() for day in holidays]
    ),
    st.sampled_from(ZONES),
    st.lists(st.dates(date(2024, 1, 1), date(2028, 1, 1)), max_size=5),
)
seconds = st.integers(0, 40 * 8 * 3600)


@given(hours, moments, seconds, seconds)
def test_adding_is_additive(opening: OpeningHours, start: datetime, first: int, second: int) -> None:
    assert opening.add_seconds(opening.add_seconds(start, first), second) == opening.add_seconds(
        start, first + second
    )


@given(hours, moments, seconds)
def test_what_was_added_lies_between(opening: OpeningHours, start: datetime, amount: int) -> None:
    end = opening.add_seconds(start, amount)
    assert opening.seconds_between(start, end) == pytest.approx(amount, abs=1e-3)


@given(hours, moments, seconds, st.integers(0, 3600))
def test_more_time_is_never_earlier(opening: OpeningHours, start: datetime, amount: int, more: int) -> None:
    assert opening.add_seconds(start, amount + more) >= opening.add_seconds(start, amount)


@given(hours, moments, moments, moments)
def test_spans_add_up(opening: OpeningHours, one: datetime, two: datetime, three: datetime) -> None:
    first, middle, last = sorted([one, two, three])
    whole = opening.seconds_between(first, last)
    assert whole == pytest.approx(
        opening.seconds_between(first, middle) + opening.seconds_between(middle, last), abs=1e-3
    )


def test_an_hour_before_closing_on_friday_goes_on_on_monday() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    opening = OpeningHours.parse(timezone="Europe/Berlin", windows=WEEK, holidays=["2026-11-23"])
    start = datetime(2026, 11, 20, 17, 0, tzinfo=berlin)
    assert opening.add_seconds(start, 2 * 3600) == datetime(2026, 11, 24, 10, 0, tzinfo=berlin)
    assert not opening.is_open(datetime(2026, 11, 23, 10, 0, tzinfo=berlin))
    assert opening.is_open(start)


def test_a_night_that_loses_an_hour_has_one_hour_less() -> None:
    always = OpeningHours.parse(
        timezone="Europe/Berlin", windows={str(day): [["00:00", "24:00"]] for day in range(7)}, holidays=[]
    )
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 29, 0, 0, tzinfo=berlin)
    assert always.seconds_between(start, datetime(2026, 3, 30, 0, 0, tzinfo=berlin)) == 23 * 3600
    utc = start.astimezone(UTC)
    assert OpeningHours.always().seconds_between(utc, utc + timedelta(days=1)) == 86400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timezone": "Mars/Base"}, "unknown time zone"),
        ({"windows": {"7": [["09:00", "10:00"]]}}, "not 0 to 6"),
        ({"windows": {"0": [["10:00", "09:00"]]}}, "not after"),
        ({"windows": {"0": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "overlap"),
        ({"windows": {"0": [["nine", "12:00"]]}}, "no window"),
        ({"windows": {"0": []}}, "at least one"),
        ({"holidays": ["tomorrow"]}, "no ISO date"),
    ],
)
def test_bad_calendars_say_what_is_wrong(change: dict[str, object], message: str) -> None:
    values = {"timezone": "UTC", "windows": WEEK, "holidays": []} | change
    with pytest.raises(CalendarError, match=message):
        OpeningHours.parse(**values)  # type: ignore[arg-type]


def test_public_holidays_of_a_region_close_and_are_named() -> None:
    bavaria = OpeningHours.parse(
        timezone="Europe/Berlin", windows=WEEK, holidays=["2026-12-24"], country="DE", region="BY"
    )
    germany = OpeningHours.parse(timezone="Europe/Berlin", windows=WEEK, holidays=[], country="DE")
    epiphany = date(2026, 1, 6)  # a Tuesday, and a holiday in Bavaria only
    assert list(bavaria.spans(epiphany)) == []
    assert len(list(germany.spans(epiphany))) == 2
    assert bavaria.holiday_name(epiphany)
    assert bavaria.holiday_name(date(2026, 12, 24)) == ""
    assert germany.holiday_name(epiphany) is None
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 1, 5, 17, 0, tzinfo=berlin)
    assert bavaria.add_seconds(before, 2 * 3600) == datetime(2026, 1, 7, 10, 0, tzinfo=berlin)
    assert germany.add_seconds(before, 2 * 3600) == datetime(2026, 1, 6, 10, 0, tzinfo=berlin)


@pytest.mark.parametrize(("country", "region"), [("XX", ""), ("DE", "Nowhere"), ("", "BY")])
def test_unknown_countries_and_regions_are_refused(country: str, region: str) -> None:
    with pytest.raises(CalendarError, match="no public holidays"):
        OpeningHours.parse(timezone="UTC", windows=WEEK, holidays=[], country=country, region=region)


def test_the_end_of_a_window_is_where_time_was_used_up_and_no_time_later_is_the_same() -> None:
    opening = OpeningHours.parse(timezone="UTC", windows=WEEK, holidays=[])
    start = datetime(2026, 11, 16, 9, tzinfo=UTC)
    noon = opening.add_seconds(start, 3.5 * 3600)
    assert noon == datetime(2026, 11, 16, 12, 30, tzinfo=UTC)
    assert opening.add_seconds(noon, 0) == noon
    assert opening.add_seconds(noon, 1) == datetime(2026, 11, 16, 13, 30, 1, tzinfo=UTC)
    sunday = datetime(2026, 11, 15, 9, tzinfo=UTC)
    assert opening.add_seconds(sunday, 0) == start


@given(hours, moments, st.integers(0, 1500))
def test_years_are_counted_as_their_days(opening: OpeningHours, start: datetime, days: int) -> None:
    end = start + timedelta(days=days)
    local = (start.astimezone(opening.zone).date(), end.astimezone(opening.zone).date())
    slow = sum(
        max(0.0, (min(last, end) - max(first, start)).total_seconds())
        for number in range(local[0].toordinal(), local[1].toordinal() + 1)
        for first, last in opening.spans(date.fromordinal(number))
    )
    assert opening.seconds_between(start, end) == pytest.approx(slow, abs=1e-3)


def test_more_than_ten_years_are_refused() -> None:
    minute = OpeningHours.parse(timezone="UTC", windows={"0": [["09:00", "09:01"]]}, holidays=[])
    with pytest.raises(CalendarError, match="does not hold"):
        minute.add_seconds(datetime(2026, 1, 1, tzinfo=UTC), 60 * 52 * 12)


FORM = {
    "name": "Office", "timezone": "Europe/Berlin", "holidays": "", "holiday_country": "DE", "holiday_region": "BY",
    "day_0": "09:00-12:00, 13:00-17:00",
}  # fmt: skip


def test_the_settings_page_shows_the_next_days_and_the_regions(admin: User, login: Any) -> None:
    with time_machine.travel(datetime(2026, 12, 21, 12, tzinfo=UTC)):
        browser = login(admin)
        assert browser.post("/settings/calendars/new/", FORM).status_code == 302
        calendar = Calendar.objects.get()
        page = browser.get(f"/settings/calendars/{calendar.pk}/").content.decode()
    assert (calendar.holiday_country, calendar.holiday_region) == ("DE", "BY")
    assert page.count('<span class="cal-on">') == 14
    assert "09:00–12:00, 13:00–17:00" in page
    assert "Weihnachtstag" in page or "Christmas" in page
    browser = login(admin)
    assert "Germany, BY" in browser.get("/settings/calendars/").content.decode()
    regions = browser.get("/settings/calendars/regions/?holiday_country=US").content.decode()
    assert 'value="CA"' in regions
    preview = browser.post("/settings/calendars/preview/", {**FORM, "day_1": "10:00-11:00"})
    assert "10:00–11:00" in preview.content.decode()
    broken = browser.post("/settings/calendars/preview/", {**FORM, "day_1": "noon"})
    assert broken.status_code == 200
    assert 'class="cal-on"' not in broken.content.decode()
    wrong = browser.post("/settings/calendars/new/", {**FORM, "name": "Other", "holiday_region": "CA"})
    assert wrong.status_code == 422
