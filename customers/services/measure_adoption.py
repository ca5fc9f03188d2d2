"""Keep, per account and feature, how it is adopted, and per month how much it was used: range of accounts by range, in SQL."""

import math
import time
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from customers.adoption import NEVER, adoption_sql
from customers.models import Account, AdoptionRange
from people.viewer import Viewer

RANGE = 256
# How late usage may come: what is older is not read again.
LATE = timedelta(days=90)

_KEEP = """
INSERT INTO customers_featureadoption
    (account_id, feature, state, days, user_days, events, peak_users, habit_weeks, last_used_on, as_of)
SELECT account_id, feature, state, days, user_days, events, peak_users, habit_weeks, last_used_on, {day}
FROM ({adoption}) AS found WHERE true
ON CONFLICT (account_id, feature) DO UPDATE SET state = excluded.state, days = excluded.days, user_days = excluded.user_days,
    events = excluded.events, peak_users = excluded.peak_users, habit_weeks = excluded.habit_weeks,
    last_used_on = excluded.last_used_on, as_of = excluded.as_of
"""
# What was last used before the days that are read again.
_LAPSE = """
UPDATE customers_featureadoption
SET state = 'lapsed', days = 0, user_days = 0, events = 0, peak_users = 0, habit_weeks = 0, as_of = %s
WHERE account_id >= %s AND account_id < %s AND as_of <> %s
"""
_MONTHS = """
INSERT INTO customers_usagemonth (account_id, feature, month, days, events)
SELECT account_id, feature, {month}, count(*), sum(events) FROM customers_usagedaily
WHERE account_id >= %s AND account_id < %s AND day >= %s AND users > 0 GROUP BY account_id, feature, {month}
ON CONFLICT (account_id, feature, month) DO UPDATE SET days = excluded.days, events = excluded.events
"""
_MONTH = {
    "postgresql": "CAST(date_trunc('month', day) AS date)",
    "sqlite": "strftime('%%Y-%%m-01', day)",
}


def measure_adoption(*, by: Viewer, today: date | None = None, seconds: float = math.inf) -> int:
    """Measure the ranges of accounts that have not been measured today (UTC) and that no other worker has; returns how many.

    Each range is a transaction of its own; none is begun when ``seconds`` are over.
    """
    by.require("usage.write")
    today = today or timezone.now().date()
    newest = Account.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return 0
    numbers = range(newest // RANGE + 1)
    known = dict(AdoptionRange.objects.values_list("number", "measured_on"))
    AdoptionRange.objects.bulk_create(
        [AdoptionRange(number=number) for number in numbers if number not in known], ignore_conflicts=True
    )
    until, done = time.monotonic() + seconds, 0
    for number in numbers:
        if known.get(number) != today:
            done += _measure(number, today)
            if time.monotonic() > until:
                break
    return done


@transaction.atomic
def _measure(number: int, today: date) -> int:
    """Measure a range unless somebody else does or has; returns whether it was done."""
    rows = AdoptionRange.objects.filter(number=number).exclude(measured_on=today)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    row = rows.first()
    if row is None:
        return 0
    since = NEVER if row.measured_on is None else (row.measured_on - LATE).replace(day=1)
    with connection.cursor() as cursor:
        _write(cursor, number * RANGE, (number + 1) * RANGE, since, today)
    row.measured_on = today
    row.save(update_fields=["measured_on"])
    return 1


def _write(cursor: Any, low: int, high: int, since: date, today: date) -> None:
    adapt = connection.ops.adapt_datefield_value
    sql, params = adoption_sql(low=low, high=high, since=since, until=today)
    day = "%s::date" if connection.vendor == "postgresql" else "%s"
    # The day stands before the parameters of the inner statement.
    cursor.execute(_KEEP.format(adoption=sql, day=day), [adapt(today), *params])
    cursor.execute(_LAPSE, [adapt(today), low, high, adapt(today)])
    cursor.execute(_MONTHS.format(month=_MONTH[connection.vendor]), [low, high, adapt(since)])
