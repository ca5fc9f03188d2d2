"""Recompute the daily usage of the account-days that events have touched, range of accounts by range, in SQL."""

import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from customers.events import USAGE_ROLLED_UP
from customers.models import DirtyUsageDay, UsageEvent
from people.viewer import Viewer

# Accounts whose ids lie in one range of RANGE ids are rolled up together, by one worker at a time.
RANGE = 256
# Whose turn a range is, among the advisory locks of the database: the letters "usag".
LOCK = 0x75736167
KEPT = timedelta(days=91)
DELETED_AT_ONCE = 5000

Pair = tuple[int, date]

_PAIRS = {
    "postgresql": "SELECT a AS account_id, d AS day, s AS since, u AS until"
    " FROM json_to_recordset(%s::json) AS p(a bigint, d date, s timestamptz, u timestamptz)",
    "sqlite": "SELECT value ->> 'a' AS account_id, value ->> 'd' AS day, value ->> 's' AS since, value ->> 'u' AS until"
    " FROM json_each(%s)",
}
# The account's total has the empty feature; users without a name are no distinct users.
_FIGURES = """
INSERT INTO usage_figures
WITH pairs AS MATERIALIZED ({pairs}), used AS MATERIALIZED (
    SELECT p.account_id, p.day, e.name, e.user_key, count(*) AS times
    FROM pairs p JOIN customers_account a ON a.id = p.account_id JOIN customers_usageevent e
      ON e.account_id = p.account_id AND e.occurred_at >= p.since AND e.occurred_at < p.until AND e.kind = 'track'
    GROUP BY p.account_id, p.day, e.name, e.user_key
)
SELECT account_id, day, name, sum(times), count(*) FILTER (WHERE user_key <> '') FROM used GROUP BY account_id, day, name
UNION ALL
SELECT account_id, day, '', sum(times), count(DISTINCT user_key) FILTER (WHERE user_key <> '') FROM used GROUP BY account_id, day
"""
# Raw events only accumulate, so a lower figure means that the row came from an import: it is not lowered.
_REVISE = """
INSERT INTO customers_usagedailyrevision (account_id, day, feature, events, users, recorded_at, superseded_at)
SELECT d.account_id, d.day, d.feature, d.events, d.users, d.recorded_at, %s
FROM usage_figures f JOIN customers_usagedaily d
  ON d.account_id = f.account_id AND d.day = f.day AND d.feature = f.feature
WHERE (f.events > d.events OR f.users > d.users) AND d.day < %s
"""
_WRITE = """
INSERT INTO customers_usagedaily AS d (account_id, day, feature, events, users, recorded_at)
SELECT account_id, day, feature, events, users, {now} FROM usage_figures WHERE true
ON CONFLICT (account_id, day, feature) DO UPDATE SET
    events = CASE WHEN excluded.events > d.events THEN excluded.events ELSE d.events END,
    users = CASE WHEN excluded.users > d.users THEN excluded.users ELSE d.users END,
    recorded_at = excluded.recorded_at
WHERE excluded.events > d.events OR excluded.users > d.users
RETURNING account_id
"""
_NAMES = """
INSERT INTO customers_usagefeature (name, is_planned, is_hidden, description, plans, first_seen_at)
SELECT DISTINCT feature, false, false, '', {empty}, {now} FROM usage_figures f WHERE feature <> ''
  AND NOT EXISTS (SELECT 1 FROM customers_usagefeature k WHERE k.name = f.feature)
ORDER BY feature ON CONFLICT DO NOTHING
"""
_SEEN = """
WITH pairs AS MATERIALIZED ({pairs}), seen AS (
    SELECT e.contact_id, max(e.occurred_at) AS at FROM pairs p JOIN customers_usageevent e
      ON e.account_id = p.account_id AND e.occurred_at >= p.since AND e.occurred_at < p.until
    WHERE e.contact_id IS NOT NULL GROUP BY e.contact_id
)
UPDATE customers_contact SET last_seen_at = seen.at FROM seen
WHERE customers_contact.id = seen.contact_id
  AND (customers_contact.last_seen_at IS NULL OR customers_contact.last_seen_at < seen.at)
"""


def roll_up_usage(*, by: Viewer, seconds: float = math.inf) -> int:
    """Roll every range of accounts with dirty days up that no other worker has; returns how many account-days were done.

    No range is begun when ``seconds`` are over.

    Each range is a transaction of its own, so work that was interrupted goes on with the next range. Figures come from all raw
    events of a day: the account's total under the empty feature, and one row per event name. A row never goes down: imported days
    have no raw events. Rows that keep their value keep their ``recorded_at``; the former value of a day that is over goes to the
    revisions.
    """
    by.require("usage.write")
    until = time.monotonic() + seconds
    done = 0
    for number in _dirty_ranges():
        done += _roll_up_range(number, by)
        if time.monotonic() > until:
            break
    return done


def _dirty_ranges() -> Iterator[int]:
    """Yield the numbers of the ranges that have dirty days, lowest first, each found when the one before is done."""
    lowest = 0
    while True:
        marks = DirtyUsageDay.objects.filter(account_id__gte=lowest).order_by("account_id")
        account_id = marks.values_list("account_id", flat=True).first()
        if account_id is None:
            return
        yield account_id // RANGE
        lowest = (account_id // RANGE + 1) * RANGE


@transaction.atomic
def _roll_up_range(number: int, by: Viewer) -> int:
    """Roll up what is dirty in a range, unless another worker does; returns the number of account-days."""
    with connection.cursor() as cursor:
        if not _is_mine(cursor, number):
            return 0
        pairs = _take_marks(cursor, number)
        if not pairs:
            return 0
        changed = _write(cursor, pairs)
    if changed:
        detail = {"accounts": sorted(changed), "days": len(pairs)}
        USAGE_ROLLED_UP.record(by=by, subject_id=max(changed), detail=detail)
    return len(pairs)


def _is_mine(cursor: Any, number: int) -> bool:
    """Take the range until the transaction ends; False when another worker has it. SQLite has one writer at a time."""
    if connection.vendor != "postgresql":
        return True
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, number % 2**31])
    return bool(cursor.fetchone()[0])


def _take_marks(cursor: Any, number: int) -> set[Pair]:
    """Delete the range's marks and return the account-days they name.

    A mark is committed together with its events, and this is read before them: what is deleted here is seen below. A mark that
    comes later stays.
    """
    cursor.execute(
        "DELETE FROM customers_dirtyusageday WHERE account_id >= %s AND account_id < %s RETURNING account_id, day",
        [number * RANGE, (number + 1) * RANGE],
    )
    return {
        (account_id, day if isinstance(day, date) else date.fromisoformat(day))
        for account_id, day in cursor.fetchall()
    }


def _write(cursor: Any, pairs: set[Pair]) -> set[int]:
    """Recompute the pairs; returns the accounts whose rows changed."""
    now = timezone.now()
    stamp = connection.ops.adapt_datetimefield_value(now)
    today = connection.ops.adapt_datefield_value(now.astimezone(UTC).date())
    is_postgresql = connection.vendor == "postgresql"
    chosen, given = _PAIRS[connection.vendor], _as_json(pairs)
    moment = "%s::timestamptz" if is_postgresql else "%s"
    _empty_table(cursor)
    cursor.execute(_FIGURES.format(pairs=chosen), [given])
    cursor.execute(_REVISE.replace("%s\nFROM", f"{moment}\nFROM"), [stamp, today])
    cursor.execute(_WRITE.format(now=moment), [stamp])
    changed = {account_id for (account_id,) in cursor.fetchall()}
    empty = "'[]'::jsonb" if is_postgresql else "'[]'"
    cursor.execute(_NAMES.format(empty=empty, now=moment), [stamp])
    cursor.execute(_SEEN.format(pairs=chosen), [given])
    return changed


def _empty_table(cursor: Any) -> None:
    """Have an empty table for the figures of this transaction."""
    ending = "ON COMMIT DROP" if connection.vendor == "postgresql" else ""
    cursor.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS usage_figures"
        f" (account_id bigint, day date, feature varchar(120), events bigint, users bigint) {ending}"
    )
    cursor.execute("DELETE FROM usage_figures")


def _as_json(pairs: set[Pair]) -> str:
    """Write the account-days as JSON, each with the moments when the day begins and ends (UTC)."""
    adapt = connection.ops.adapt_datetimefield_value
    begins = {day: str(adapt(datetime(day.year, day.month, day.day, tzinfo=UTC))) for _account, day in pairs}
    ends = {
        day: str(adapt(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)))
        for day in begins
    }
    return json.dumps(
        [
            {"a": account_id, "d": day.isoformat(), "s": begins[day], "u": ends[day]}
            for account_id, day in sorted(pairs)
        ]
    )


def forget_old_usage() -> int:
    """Delete raw events whose day can no longer be rolled up again; at most DELETED_AT_ONCE; returns how many."""
    oldest = list(UsageEvent.objects.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE])
    deleted, _by_model = UsageEvent.objects.filter(
        pk__in=oldest, occurred_at__lt=timezone.now() - KEPT, received_at__lt=timezone.now() - KEPT
    ).delete()
    return deleted
