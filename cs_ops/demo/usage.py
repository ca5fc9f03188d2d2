"""Product usage of the demo world: daily events and users, in all and per feature, driven by satisfaction."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bulk_rows import insert_rows, prepared
from cs_ops.demo.companies import Company
from cs_ops.demo.latent import WEEKS, stream
from customers.models import UsageDaily, UsageFeature
from customers.services.measure_adoption import measure_adoption
from people.viewer import system_viewer

DAYS = 371
# A name that came without anybody having planned it.
UNPLANNED = ("portal",)
ADOPTION_SECONDS = 3.0
WEEKDAY = np.array([1.0, 1.06, 1.04, 1.0, 0.9, 0.2, 0.12])
# Share of an account's active users who touch the feature on a day, and of accounts who use it at all.
FEATURES = {
    "visits": (0.85, 1.0),
    "planning": (0.45, 0.95),
    "reports": (0.22, 0.85),
    "mobile": (0.6, 0.8),
    "invoicing": (0.14, 0.6),
    "api": (0.05, 0.45),
    "dashboards": (0.1, 0.55),
    "portal": (0.08, 0.35),
}


def build_usage(seed: int, companies: list[Company], now: datetime, *, light: bool = False) -> int:
    """Write a year of daily rows, up to yesterday; returns how many. ``light``: without those of single features."""
    today = now.date()
    days = [today - timedelta(days=DAYS - place) for place in range(DAYS)]
    stamps = [
        (
            prepared(UsageDaily, "day", day),
            prepared(UsageDaily, "recorded_at", datetime.combine(day + timedelta(days=1), time(0, 20), UTC)),
        )
        for day in days
    ]
    columns = ("account_id", "day", "recorded_at", "feature", "users", "events")
    written = insert_rows(
        UsageDaily,
        columns,
        (row for company in companies for row in _rows(seed, company, today, stamps, light=light)),
    )
    UsageFeature.objects.bulk_create(
        [UsageFeature(name=name, is_planned=name not in UNPLANNED, first_seen_at=now) for name in FEATURES],
        ignore_conflicts=True,
    )
    # The beat measures what is left.
    measure_adoption(by=system_viewer("command"), today=today, seconds=ADOPTION_SECONDS)
    return written


def daily_users(seed: int, company: Company, today: date) -> npt.NDArray[np.int64]:
    """Return active users for the ``DAYS`` days before ``today``, oldest first.

    Seats x adoption x (0.5 + 0.5 tanh(0.75 s + 0.35)) x weekday, Poisson; a new customer ramps up within two months, one
    who has given notice fades, and the days around New Year are quiet.
    """
    rng = stream(seed, "usage", company.number)
    ages, weekdays, quiet = _calendar(today)
    weeks = WEEKS - 1 - ages / 7
    mood = np.interp(weeks, np.arange(WEEKS), company.life.satisfaction)
    level = company.account.seats * company.adoption * (0.5 + 0.5 * np.tanh(0.75 * mood + 0.35))
    level *= WEEKDAY[weekdays]
    level *= quiet
    age = (today - company.since).days - ages
    level *= np.where(age < 0, 0, 1 - np.exp(-(age + 4) / 25))
    notice, end = company.life.notice_on, company.life.ends_on
    if notice is not None and end is not None:
        gone = ((today - notice).days - ages) / max(1, (end - notice).days)
        level *= np.clip(1 - 0.8 * np.clip(gone, 0, 1), 0, 1) * (gone < 1)
    users = np.minimum(rng.poisson(np.maximum(level, 0)), company.account.seats)
    return np.asarray(users, dtype=np.int64)


@lru_cache(maxsize=2)
def _calendar(today: date) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """How many days ago each day was, its weekday, and how much of the usual work is done on it."""
    days = [today - timedelta(days=DAYS - place) for place in range(DAYS)]
    quiet = [
        0.35 if (day.month, day.day) >= (12, 23) or (day.month, day.day) <= (1, 2) else 1.0 for day in days
    ]
    ages = np.arange(DAYS, 0, -1, dtype=np.int64)
    return ages, np.array([day.weekday() for day in days], dtype=np.int64), np.array(quiet)


def _rows(
    seed: int, company: Company, today: date, stamps: list[tuple[Any, Any]], *, light: bool
) -> Iterator[tuple[int, Any, Any, str, int, int]]:
    """Yield (account, day, recorded at, feature, users, events); the feature "" stands for everything."""
    rng = stream(seed, "features", company.number)
    users = daily_users(seed, company, today)
    events = rng.poisson(users * rng.uniform(9, 22))
    owned = {name: share for name, (share, spread) in FEATURES.items() if not light and rng.random() < spread}
    counts = {
        name: rng.binomial(users, min(0.95, share * rng.uniform(0.5, 1.4))) for name, share in owned.items()
    }
    account_id = company.account.pk
    for place in np.flatnonzero(users).tolist():
        day, recorded = stamps[place]
        people, total = int(users[place]), int(events[place])
        yield account_id, day, recorded, "", people, total
        for name, column in counts.items():
            if used := int(column[place]):
                yield account_id, day, recorded, name, used, max(1, round(total * used / (people * 2.4)))
