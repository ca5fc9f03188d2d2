"""Reading by when: "by Friday", "tomorrow at ten", "within 48 hours", "bis Ende des Monats", counted from the moment of sending.

A day without a time means the end of that day's work. Minutes and hours are real ones: "within 24 hours" over the night in which
clocks change ends an hour earlier or later by the clock. What is vague ("early February", "as soon as possible", "shortly", "in a
moment") has no day: a deadline that nobody has named cannot be broken.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from tickets.promises.words import CLOCK_WORDS, DAYS, MONTHS, NUMBERS

LONGEST = 2_000
FARTHEST = timedelta(days=800)

_FRIDAY, _SUNDAY = 4, 6


def _one_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_DAY = rf"(?P<weekday>{_one_of(DAYS)})s?"
_MONTH = rf"(?P<month>{_one_of(MONTHS)})\b\.?"
_COUNT = rf"(?P<count>\d{{1,3}}|{_one_of(NUMBERS)})"


@dataclass(frozen=True)
class Due:
    """By when: the day, with the time of day if the words name one, both where the writer is; characters ``start``
    to ``end`` of the text say so."""

    day: date
    clock: time | None
    start: int
    end: int


@dataclass(frozen=True)
class _Found:
    """One expression: a day, or a clock time that belongs to the day beside it."""

    start: int
    end: int
    day: date | None = None
    clock: time | None = None
    is_vague: bool = False
    business_days: int = 0


_Read = Callable[[re.Match[str], datetime], "_Found | None"]


def is_weekday(day: date) -> bool:
    """Say whether people work on a day where nobody has said when they do."""
    return day.weekday() <= _FRIDAY


def due_in(text: str, sent: datetime, is_business_day: Callable[[date], bool] = is_weekday) -> Due | None:
    """Return by when a sentence says that something happens, None when it names no day to come.

    ``sent`` is local time of the writer, ``is_business_day`` tells which days "two business days" are counted in. Of several
    days the last counts: by then all is done.
    """
    found = [
        replace(one, day=_after_business_days(sent.date(), one.business_days, is_business_day))
        if one.business_days
        else one
        for one in _expressions(text[:LONGEST], sent)
    ]
    today = sent.date()
    days = [(one.day, one) for one in found if one.day is not None and today <= one.day <= today + FARTHEST]
    clocks = [(one.clock, one) for one in found if one.day is None and one.clock is not None]
    if days:
        day, last = max(days, key=lambda pair: (pair[0], pair[1].start))
        clock, start, end = last.clock, last.start, last.end
        # "tomorrow at ten", "by 14:00 today", "tomorrow morning": the time beside the day.
        near = [
            (time_of_day, one)
            for time_of_day, one in clocks
            if 0 <= one.start - last.end <= 12 or 0 <= last.start - one.end <= 6
        ]
        if near and clock is None:
            clock, beside = near[0]
            start, end = min(start, beside.start), max(end, beside.end)
        return Due(day, clock, start, end)
    if clocks and not any(one.is_vague for one in found):
        clock, last = clocks[-1]
        moment = datetime.combine(today, clock, sent.tzinfo)
        if moment < sent and clock.hour < 12 and moment + timedelta(hours=12) > sent:
            moment += timedelta(hours=12)  # "half past six", written in the afternoon
        if moment < sent:
            moment += timedelta(days=1)
        return Due(moment.date(), moment.time(), last.start, last.end)
    return None


def _expressions(text: str, sent: datetime) -> Iterator[_Found]:
    """Every expression, the longest first where several begin in the same words."""
    lowered = text.lower()
    if len(lowered) != len(text):  # letters whose small form is longer would shift the places
        lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    taken: list[tuple[int, int]] = []
    for pattern, read in _PATTERNS:
        for match in pattern.finditer(lowered):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            found = read(match, sent)
            if found is None:
                continue
            taken.append(match.span())
            if not _PAST.search(lowered[max(0, match.start() - 12) : match.start()]):
                yield found


# What comes after these is no day to come: "since January", "last Friday", "from yesterday".
_PAST = re.compile(
    r"\b(since|last|previous|past|seit|letzten|letzte|vergangenen|vom|of|from our|from your)\s*$"
)


def _number(word: str) -> float:
    return float(word) if word.isdigit() else NUMBERS[word]


def _on(match: re.Match[str], day: date | None, clock: time | None = None) -> _Found:
    return _Found(match.start(), match.end(), day, clock)


def _weekday(day: date, weekday: int) -> date:
    """The first such day after ``day``."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)


def _monday_after(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


def _read_weekday(match: re.Match[str], sent: datetime) -> _Found | None:
    weekday, today = DAYS[match["weekday"]], sent.date()
    which = match["which"] or ""
    if match["week"] or which.startswith(("next", "nächste")):
        return _on(match, _monday_after(today) + timedelta(days=weekday))
    return _on(match, _weekday(today, weekday))


def _read_month_day(match: re.Match[str], sent: datetime) -> _Found | None:
    return _of_year(match, sent, MONTHS[match["month"]], int(match["number"]), match["year"])


def _read_numeric(match: re.Match[str], sent: datetime) -> _Found | None:
    return _of_year(match, sent, int(match["monthnumber"]), int(match["number"]), match["year"])


def _of_year(match: re.Match[str], sent: datetime, month: int, day: int, year: str | None) -> _Found | None:
    """The next such day; with a year that one. None when there is no such day."""
    years = [int(year) + (2000 if int(year) < 100 else 0)] if year else [sent.year, sent.year + 1]
    for one in years:
        try:
            found = date(one, month, day)
        except ValueError:
            continue
        if year or found >= sent.date():
            return _on(match, found)
    return None


def _read_ordinal(match: re.Match[str], sent: datetime) -> _Found | None:
    day, today = int(match["number"]), sent.date()
    for ahead in range(3):
        year, month = today.year + (today.month + ahead - 1) // 12, (today.month + ahead - 1) % 12 + 1
        if 1 <= day <= monthrange(year, month)[1] and date(year, month, day) >= today:
            return _on(match, date(year, month, day))
    return None


def _read_span(match: re.Match[str], sent: datetime) -> _Found | None:
    """ "within the hour" and "in two to three days": without a number it is one, of two the greater counts."""
    if match["count"] is None and not match[0].startswith(("within", "in the", "innerhalb")):
        return None
    count, unit = _number(match["upto"] or match["count"] or "one"), match["unit"]
    if match["more"]:
        count += 0.5
    if unit.startswith(("min", "hour", "stunde", "hr")):
        seconds = 60 if unit.startswith("min") else 3_600
        # On the line of UTC: the writer's clock may be changed until then.
        moment = (sent.astimezone(UTC) + timedelta(seconds=seconds * count)).astimezone(sent.tzinfo)
        return _on(match, moment.date(), moment.time())
    today = sent.date()
    if match["business"] and int(count) > 0 and unit.startswith(("d", "t")):
        return _Found(match.start(), match.end(), business_days=int(count))
    days = {"d": 1, "t": 1, "w": 7, "m": 30}[unit[0]]
    return _on(match, today + timedelta(days=round(days * count)))


def _after_business_days(today: date, count: int, is_business_day: Callable[[date], bool]) -> date | None:
    """The day by which so many business days are over; None when that is too far away."""
    day = today
    while count and day <= today + FARTHEST:
        day += timedelta(days=1)
        count -= is_business_day(day)
    return None if count else day


def _read_end(match: re.Match[str], sent: datetime) -> _Found | None:
    """The end of the day, week, month, quarter, year, or of a named month."""
    today, unit = sent.date(), match["unit"]
    is_next = bool(match["next"])
    if unit in MONTHS:
        return _on(match, _end_of_month(today, MONTHS[unit]))
    if unit.startswith(("day", "tag", "business", "play", "shift", "today", "working")):
        return _on(match, today)
    if unit.startswith("wo") or unit.startswith("week"):
        return _on(match, _friday(today) + timedelta(days=7 if is_next else 0))
    if unit.startswith("mon"):
        month = today.month % 12 + 1 if is_next else today.month
        return _on(match, _end_of_month(today, month))
    if unit.startswith("q"):
        month = (today.month - 1) // 3 * 3 + 3
        return _on(match, _end_of_month(today, month % 12 + 3 if is_next else month))
    return _on(match, date(today.year + is_next, 12, 31))


def _friday(today: date) -> date:
    """The Friday of the week, on a weekend the last day of it."""
    return today + timedelta(days=max(_FRIDAY, today.weekday()) - today.weekday())


def _end_of_month(today: date, month: int) -> date:
    year = today.year + (month < today.month)
    return date(year, month, monthrange(year, month)[1])


def _read_relative(match: re.Match[str], sent: datetime) -> _Found | None:
    word = match["word"]
    ahead = (
        2 if word.startswith(("day after", "über")) else 1 if word.startswith(("tomorrow", "morgen")) else 0
    )
    return _on(match, sent.date() + timedelta(days=ahead))


def _read_part_of_today(match: re.Match[str], sent: datetime) -> _Found | None:
    return _on(match, sent.date(), CLOCK_WORDS[match["part"]])


def _read_today(match: re.Match[str], sent: datetime) -> _Found | None:
    return _on(match, sent.date())


def _read_next_week(match: re.Match[str], sent: datetime) -> _Found | None:
    return _on(match, _monday_after(sent.date()) + timedelta(days=_FRIDAY))


def _read_this_week(match: re.Match[str], sent: datetime) -> _Found | None:
    return _on(match, _friday(sent.date()))


def _read_month(match: re.Match[str], sent: datetime) -> _Found | None:
    if match["vague"]:
        return _Found(match.start(), match.end(), is_vague=True)
    return _on(match, _end_of_month(sent.date(), MONTHS[match["month"]]))


def _read_clock(match: re.Match[str], sent: datetime) -> _Found | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = (match["half"] or "").replace(".", "")
    if half == "pm" and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    if hour > 24 or minute > 59:
        return None
    return _on(match, None, time(23, 59) if hour == 24 else time(hour, minute))


def _read_clock_word(match: re.Match[str], sent: datetime) -> _Found | None:
    hour = int(_number(match["hourword"]))
    past = match["past"] or ""
    minute = {"half past": 30, "quarter past": 15}.get(past, 0)
    if past in {"quarter to", "halb"}:
        hour, minute = hour - 1, 45 if past == "quarter to" else 30
    return _on(match, None, time(hour, minute)) if 0 <= hour <= 12 else None


def _read_part(match: re.Match[str], sent: datetime) -> _Found | None:
    return _on(match, None, CLOCK_WORDS[match["part"]])


_PARTS = _one_of(CLOCK_WORDS)
_WHICH = r"this|next|coming|the coming|following|nächste[nrms]?|kommende[nrms]?|diese[nrms]?"
_NOT_A_NUMBER_OF = r"(?!\d|[.,:]\d|\w|\s*(?:%|\$|€|(?:eur|usd|seats|users|of|" + _one_of(MONTHS) + r")\b))"
_AT = r"\b(?:at|by|before|until|till|um|bis|after)\s+"
_HOURS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|drei|vier|fünf|sieben|acht|neun|zehn|elf|zwölf"
_THE = r"(?:the\s+|this\s+|our\s+|des\s+|der\s+|dieser\s+|dieses\s+)?"
_SOME = r"(?:the\s+next\s+|the\s+|about\s+|around\s+|roughly\s+|den\s+nächsten\s+|etwa\s+)?"
_UNITS = r"minutes?|mins?|minuten?|hours?|hrs?|stunden?|days?|tage[ns]?|weeks?|wochen?|months?|monate[ns]?"
_PATTERNS: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        # "Tuesday, 15 April": the number decides, the day of the week comes with it.
        (
            rf"(?:\b{_DAY}(?:,|\s+the)?\s+(?:den\s+)?)?(?<!\d)(?P<number>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+"
            rf"(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>20\d\d))?(?!\w)",
            _read_month_day,
        ),
        (
            rf"\b(?:{_DAY},?\s+)?{_MONTH}\s+(?:the\s+)?(?P<number>\d{{1,2}})(?:st|nd|rd|th)?"
            r"(?:,?\s+(?P<year>20\d\d))?(?![\d:.]\d|\w|\s*(?:%|users|seats))",
            _read_month_day,
        ),
        (r"\b(?P<year>20\d\d)-(?P<monthnumber>\d{2})-(?P<number>\d{2})\b", _read_numeric),
        (
            r"(?<![\d.])(?P<number>\d{1,2})\.(?P<monthnumber>\d{1,2})\.(?P<year>(?:20)?\d\d)?(?![\d.])",
            _read_numeric,
        ),
        (
            rf"\b(?:by|at|before|until|till)?\s*(?:the\s+)?(?:end|close|ende)\s+(?:of\s+)?{_THE}"
            r"(?P<next>next\s+|nächste[rn]?\s+)?(?:(?:business|working)\s+(?=day|week))?"
            r"(?P<unit>days?|today|business|play|shift|week|month|quarter|year|tages|woche|monats|quartals|jahres|"
            rf"{_one_of(MONTHS)})\b",
            _read_end,
        ),
        (r"\b(?:eod|cob)\b", _read_today),
        (
            rf"\b(?:within|in|innerhalb(?: von)?|binnen|over)\s+{_SOME}(?:(?:einer\s+(?=halben))?{_COUNT}"
            r"(?P<more>\s+and a half)?(?:\s*(?:to|-|or|bis)\s*(?P<upto>\d{1,3}))?\s+)?(?:(?:a|an|of)\s+)?"
            rf"(?P<business>business\s+|working\s+|work\s+|werk|arbeits)?(?P<unit>{_UNITS})\b",
            _read_span,
        ),
        (
            rf"\b(?:(?P<which>{_WHICH})\s+)?\b{_DAY}\b(?P<week>\s+(?:of\s+)?next week|\s+nächster woche)?",
            _read_weekday,
        ),
        (
            r"\b(?P<word>day after tomorrow|tomorrow|übermorgen|(?<!guten )(?<!am )morgen)\b",
            _read_relative,
        ),
        (rf"\b(?:this|heute|heut)\s+(?P<part>{_PARTS})\b", _read_part_of_today),
        (r"\b(?P<part>tonight)\b", _read_part_of_today),
        (
            r"\b(?:today|heute|the same day|the day is over|on the spot|immediately|right away|straight away|"
            r"as we speak|sofort|this minute|umgehend)\b",
            _read_today,
        ),
        (
            r"\b(?:in the course of |during |early |sometime )?"
            r"(?:next week|nächste[nr]? woche|kommende[nr]? woche)\b",
            _read_next_week,
        ),
        (r"\b(?:later |during |some ?time )?(?:this week|diese[rn]? woche)\b", _read_this_week),
        (
            r"\b(?:in|im|during|for|bis|the)\s+"
            rf"(?P<vague>early\s+|mid[- ]?|late\s+|anfang\s+|mitte\s+)?{_MONTH}(?!\s*\d)",
            _read_month,
        ),
        (
            r"\b(?:on|by|until|before|bis zum|am)\s+(?:the\s+)?(?P<number>\d{1,2})(?:st|nd|rd|th|\.(?=\s|$))(?!\w)",
            _read_ordinal,
        ),
        (
            r"(?<![\d.,])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>[ap]\.?m\.?)(?!\w)",
            _read_clock,
        ),
        (r"(?<![\d.,-])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?P<half>)?(?!\d)", _read_clock),
        (
            r"(?<![\d.,])(?P<hour>\d{1,2})(?:[.:](?P<minute>\d{2}))?(?P<half>)?\s*(?:uhr|o'clock)\b",
            _read_clock,
        ),
        (rf"{_AT}(?P<hour>\d{{1,2}})(?:\.(?P<minute>\d{{2}}))?(?P<half>)?{_NOT_A_NUMBER_OF}", _read_clock),
        (
            rf"{_AT}(?:a\s+)?(?P<past>half past|quarter past|quarter to|halb)?\s*(?P<hourword>{_HOURS})\b"
            r"(?!\s+(?:\w+ors|people|users|days|weeks|hours|minutes))",
            _read_clock_word,
        ),
        (rf"\b(?P<part>{_PARTS})\b", _read_part),
    )
)
