"""Reading promises and their days in answers."""

from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from tickets.promises.dates import due_in
from tickets.promises.deadlines import due_moment, remind_moment
from tickets.promises.phrases import promises_in

# A Tuesday.
SENT = datetime(2026, 3, 10, 10, 15, tzinfo=UTC)


def day(number: int, month: int = 3, year: int = 2026) -> date:
    return date(year, month, number)


@pytest.mark.parametrize(
    ("words", "wanted", "clock"),
    [
        ("by Friday", day(13), None),
        ("by this Friday", day(13), None),
        ("by Fri.", day(13), None),
        ("tomorrow", day(11), None),
        ("the day after tomorrow", day(12), None),
        ("tomorrow at ten", day(11), time(10)),
        ("by tomorrow noon", day(11), time(12)),
        ("within 48 hours", day(12), time(10, 15)),
        ("within two business days", day(12), None),
        ("in five working days", day(17), None),
        ("in 2-3 days", day(13), None),
        ("in half an hour", day(10), time(10, 45)),
        ("by the end of the month", day(31), None),
        ("by the end of next month", day(30, 4), None),
        ("by end of day", day(10), None),
        ("by EOD", day(10), None),
        ("by the end of the week", day(13), None),
        ("by the end of the quarter", day(31), None),
        ("by the end of April", day(30, 4), None),
        ("on 3 May", day(3, 5), None),
        ("on May 3rd", day(3, 5), None),
        ("by the 3rd of May 2027", day(3, 5, 2027), None),
        ("on 2026-05-03", day(3, 5), None),
        ("by 9 January", day(9, 1, 2027), None),
        ("next Tuesday", day(17), None),
        ("on Tuesday", day(17), None),
        ("on Monday next week", day(16), None),
        ("on Thursday, 12 March", day(12), None),
        ("next week", day(20), None),
        ("this afternoon", day(10), time(18)),
        ("at 14:30", day(10), time(14, 30)),
        ("before 3 pm", day(10), time(15)),
        ("on the 15th", day(15), None),
        ("on the 3rd", day(3, 4), None),
        ("bis Freitag", day(13), None),
        ("morgen um 9 Uhr", day(11), time(9)),
        ("übermorgen", day(12), None),
        ("innerhalb von 48 Stunden", day(12), time(10, 15)),
        ("in einer halben Stunde", day(10), time(10, 45)),
        ("in drei Werktagen", day(13), None),
        ("bis Ende des Monats", day(31), None),
        ("bis Ende der Woche", day(13), None),
        ("am 3. Mai", day(3, 5), None),
        ("bis zum 03.05.", day(3, 5), None),
        ("nächsten Dienstag", day(17), None),
        ("heute Nachmittag", day(10), time(18)),
        ("noch heute", day(10), None),
    ],
)
def test_days_are_counted_from_the_moment_of_sending(words: str, wanted: date, clock: time | None) -> None:
    due = due_in(f"I send it {words}", SENT)
    assert due is not None
    assert (due.day, due.clock) == (wanted, clock)


@pytest.mark.parametrize(
    "words",
    [
        "as soon as possible",
        "in early February",
        "shortly",
        "in a moment",
        "in einem Moment",
        "since Monday",
        "last Friday",
        "on 31 February",
        "for 20 seats",
        "version 5.5",
        "within reason",
    ],
)
def test_what_names_no_day_to_come_has_none(words: str) -> None:
    assert due_in(f"I send it {words}", SENT) is None


@pytest.mark.parametrize(
    ("text", "promise", "wanted"),
    [
        (
            "Hi Ann, sorry for that. We'll send the report by Friday. Best, Jo",
            "We'll send the report by Friday",
            day(13),
        ),
        ("You will have it on Thursday.", "You will have it on Thursday", day(12)),
        ("Our engineer will call you tomorrow.", "Our engineer will call you tomorrow", day(11)),
        ("I'll check with billing and get back to you.", "I'll check with billing and get back to you", None),
        (
            "Wir schicken Ihnen den Bericht bis Freitag.",
            "Wir schicken Ihnen den Bericht bis Freitag",
            day(13),
        ),
        ("Ich melde mich morgen bei Ihnen.", "Ich melde mich morgen bei Ihnen", day(11)),
        (
            "Sie erhalten die Gutschrift bis zum 20. März.",
            "Sie erhalten die Gutschrift bis zum 20. März",
            day(20),
        ),
    ],
)
def test_a_promise_comes_with_its_words_and_its_day(text: str, promise: str, wanted: date | None) -> None:
    [found] = promises_in(text, SENT)
    assert (found.text, found.due.day if found.due else None) == (promise, wanted)
    assert text[found.start : found.end] == promise


@pytest.mark.parametrize(
    "text",
    [
        "I'm out of office until Monday.",
        "Could you send us the log by Friday?",
        "Please send us the log by Friday.",
        "You will receive the certificate automatically tomorrow.",
        "Your plan renews automatically on 1 July.",
        "The invoice was sent on Monday.",
        "I can't promise a date for that.",
        "You'll have to accept the terms by Friday.",
        "Will you be there on Friday?",
        "Ich bin bis Montag nicht im Büro.",
        "Könnten Sie uns das Protokoll bis Freitag schicken?",
        "Sie müssen die Frist bis Freitag einhalten.",
        "Nous vous enverrons le rapport avant vendredi, et merci pour votre patience.",
    ],
)
def test_what_others_do_or_nobody_promises_is_none(text: str) -> None:
    assert promises_in(text, SENT) == []


def test_business_days_pass_over_holidays() -> None:
    easter = {day(3, 4), day(6, 4)}
    for words, wanted in (("within two business days", day(8, 4)), ("in drei Werktagen", day(9, 4))):
        due = due_in(
            f"I send it {words}",
            datetime(2026, 4, 2, 9, tzinfo=UTC),
            lambda one: one.weekday() < 5 and one not in easter,
        )
        assert due is not None
        assert due.day == wanted
    assert due_in("within two business days", SENT, lambda _day: False) is None


@pytest.mark.parametrize(
    ("sent", "words", "wanted"),
    [
        # The night in which summer begins has 23 hours, the one in which it ends 25.
        (datetime(2026, 3, 28, 18), "within 24 hours", datetime(2026, 3, 29, 17, tzinfo=UTC)),
        (datetime(2026, 10, 24, 18), "within 24 hours", datetime(2026, 10, 25, 16, tzinfo=UTC)),
        # 02:45 in summer, half an hour before 02:15 in winter.
        (datetime(2026, 10, 25, 2, 45), "in half an hour", datetime(2026, 10, 25, 1, 15, tzinfo=UTC)),
        # A day is a day of the calendar, whatever its length.
        (datetime(2026, 3, 28, 18), "tomorrow at ten", datetime(2026, 3, 29, 8, tzinfo=UTC)),
    ],
)
def test_hours_pass_though_clocks_change(sent: datetime, words: str, wanted: datetime) -> None:
    oslo = ZoneInfo("Europe/Oslo")
    due = due_in(f"I send it {words}", sent.replace(tzinfo=oslo))
    assert due is not None
    moment = due_moment(due, sent.replace(tzinfo=oslo), oslo, None)
    assert moment == wanted
    assert sent.replace(tzinfo=oslo) < remind_moment(moment, sent.replace(tzinfo=oslo)) < moment


moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))
PIECES = """we'll send I will by Friday tomorrow at ten within 48 hours end of the month 31. Februar 30 February 24:00 25:99
0 minutes next half past in the May 3rd on 00.00. bis Ende 12 Uhr heute 99999999 , . ? İ ß 2026-13-45"""
pieces = st.sampled_from([*PIECES.split(), "\n"])


@given(st.lists(pieces, max_size=25).map(" ".join), moments)
def test_any_words_are_read_without_error_and_never_lie_before_the_sending(text: str, sent: datetime) -> None:
    for found in promises_in(text, sent, "en"):
        assert text[found.start : found.end] == found.text
        if found.due is not None:
            assert sent.date() <= found.due.day <= sent.date() + timedelta(days=800)


@given(st.text(max_size=400), moments)
def test_any_text_is_read_without_error(text: str, sent: datetime) -> None:
    for found in promises_in(text, sent):
        assert text[found.start : found.end] == found.text


@given(moments, st.integers(1, 400))
def test_a_number_of_days_is_that_many_days_away(sent: datetime, days: int) -> None:
    due = due_in(f"we deliver within {days} days", sent)
    assert due is not None
    assert due.day == sent.date() + timedelta(days=days)


@given(moments, st.dates(date(2020, 1, 1), date(2036, 1, 1)))
def test_a_date_in_full_is_that_date_or_no_day_to_come(sent: datetime, wanted: date) -> None:
    due = due_in(f"we deliver on {wanted.isoformat()}", sent)
    is_ahead = sent.date() <= wanted <= sent.date() + timedelta(days=800)
    assert (due.day if due else None) == (wanted if is_ahead else None)


def test_the_command_tells_what_was_held_out() -> None:
    out = StringIO()
    call_command("evaluate_promises", stdout=out)
    held = out.getvalue().splitlines()[-1].split()
    assert held[:2] == ["held", "out"]
    precision, recall, right_day = map(float, held[-3:])
    assert precision >= 0.8
    assert recall >= 0.7
    assert right_day >= 0.85
