"""Business time: exact over daylight saving, split shifts and holidays."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import CalendarError, OpeningHours

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
