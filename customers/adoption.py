"""How features are adopted: the definition in SQL, an account's matrix, and the counts of all accounts.

Per account and feature over the 28 days before a day (UTC): **habitual** when in at least three of the four weeks the users of
its busiest day were at least three and at least 20 % of the account's active users of that week's busiest day; **tried** when it
was used at all; **lapsed** when it was used before and not since; **unused** when never; **not entitled** when none of the
account's plans includes it and it was never used. A week's users are those of its busiest day, because days know their distinct
users and weeks do not: a lower bound. Breadth is the share of the entitled features that were used in 28 days, depth the share of
those that are habitual, L28 the days of the 28 with any use, stickiness the mean of daily users over those of the busiest day.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.models import Account, FeatureAdoption, Subscription, UsageDaily, UsageFeature
from people.viewer import Viewer

NEVER = date(1900, 1, 1)
WINDOW = 28
HABIT_WEEKS, HABIT_USERS, HABIT_SHARE = 3, 3, 5
NOT_ENTITLED, UNUSED = "not_entitled", "unused"
STATES: Mapping[str, str | Promise] = {
    **dict(FeatureAdoption.State.choices),
    UNUSED: _("Unused"),
    NOT_ENTITLED: _("Not entitled"),
}
_SQL = """
WITH chosen AS (
    SELECT account_id, feature, day, users, events, {week} AS week FROM customers_usagedaily
    WHERE account_id >= %s AND account_id < %s AND day >= %s AND day < %s AND users > 0
), actives AS (
    SELECT account_id, week, max(users) AS users FROM chosen WHERE feature = '' AND week >= 0 GROUP BY account_id, week
), weekly AS (
    SELECT account_id, feature, week, max(users) AS users, sum(users) AS user_days, sum(events) AS events, count(*) AS days
    FROM chosen WHERE feature <> '' AND week >= 0 GROUP BY account_id, feature, week
), recent AS (
    SELECT w.account_id, w.feature, CAST(sum(w.days) AS bigint) AS days, CAST(sum(w.user_days) AS bigint) AS user_days,
        CAST(sum(w.events) AS bigint) AS events, max(w.users) AS peak_users,
        count(*) FILTER (WHERE w.users >= {users} AND w.users * {share} >= coalesce(a.users, 0)) AS habit_weeks
    FROM weekly w LEFT JOIN actives a ON a.account_id = w.account_id AND a.week = w.week GROUP BY w.account_id, w.feature
), lasting AS (
    SELECT account_id, feature, max(day) AS last_used_on FROM chosen WHERE feature <> '' GROUP BY account_id, feature
)
SELECT l.account_id, l.feature,
    CASE WHEN r.feature IS NULL THEN 'lapsed' WHEN r.habit_weeks >= {weeks} THEN 'habitual' ELSE 'tried' END AS state,
    coalesce(r.days, 0) AS days, coalesce(r.user_days, 0) AS user_days, coalesce(r.events, 0) AS events,
    coalesce(r.peak_users, 0) AS peak_users, coalesce(r.habit_weeks, 0) AS habit_weeks, l.last_used_on
FROM lasting l LEFT JOIN recent r ON r.account_id = l.account_id AND r.feature = l.feature
"""
# Whole weeks since the first day of the 28, negative before it; the large numbers keep the division from rounding up there.
_WEEK = {
    "postgresql": "(day - %s::date + 700000) / 7 - 100000",
    "sqlite": "CAST((julianday(day) - julianday(%s) + 700000) / 7 AS integer) - 100000",
}


@dataclass(frozen=True)
class FeatureUse:
    """One feature of an account in 28 days; ``share`` is its busiest day's users over the account's, 0..1."""

    feature: str
    state: str
    days: int = 0
    user_days: int = 0
    events: int = 0
    peak_users: int = 0
    habit_weeks: int = 0
    last_used_on: date | None = None
    share: float = 0.0
    description: str = ""

    @property
    def label(self) -> str:
        """The state in words."""
        return str(STATES[self.state])


@dataclass(frozen=True)
class AccountAdoption:
    """An account's features and its figures; shares are 0..1, None when there is nothing to divide by."""

    until: date
    features: tuple[FeatureUse, ...]
    breadth: float | None
    depth: float | None
    active_days: int
    stickiness: float | None


@dataclass(frozen=True)
class FeatureCounts:
    """How many accounts have a feature in which state; ``entitled`` are those that may use it."""

    feature: str
    habitual: int
    tried: int
    lapsed: int
    entitled: int
    description: str = ""

    @property
    def used(self) -> int:
        """Accounts that used it within 28 days."""
        return self.habitual + self.tried

    @property
    def unused(self) -> int:
        """Entitled accounts that never used it."""
        return max(0, self.entitled - self.used - self.lapsed)

    @property
    def share(self) -> float | None:
        """The share of entitled accounts that used it within 28 days."""
        return self.used / self.entitled if self.entitled else None


def adoption_sql(*, low: int, high: int, since: date, until: date) -> tuple[str, list[Any]]:
    """Return the statement and its parameters for accounts with ids from ``low`` to below ``high``: a row for each feature
    that was used from ``since`` to before ``until``."""
    adapt = connection.ops.adapt_datefield_value
    sql = _SQL.format(week=_WEEK[connection.vendor], users=HABIT_USERS, share=HABIT_SHARE, weeks=HABIT_WEEKS)
    return sql, [adapt(until - timedelta(days=WINDOW)), low, high, adapt(since), adapt(until)]


def account_adoption(account: Account, *, until: date) -> AccountAdoption:
    """Return how an account has adopted each known feature, habitual ones first: four queries."""
    with connection.cursor() as cursor:
        cursor.execute(*adoption_sql(low=account.pk, high=account.pk + 1, since=NEVER, until=until))
        used = {row[1]: row[2:] for row in cursor.fetchall()}
    totals = UsageDaily.objects.filter(
        account=account, feature="", day__gte=until - timedelta(days=WINDOW), day__lt=until, users__gt=0
    )
    users = list(totals.values_list("users", flat=True))
    peak = max(users, default=0)
    plans = plans_of([account.pk]).get(account.pk, set())
    found = []
    for name, description, needed in UsageFeature.objects.filter(is_hidden=False).values_list(
        "name", "description", "plans"
    ):
        if name in used:
            state, days, user_days, events, peak_users, habit_weeks, last = used.pop(name)
            found.append(
                FeatureUse(
                    feature=name,
                    state=state,
                    days=days,
                    user_days=user_days,
                    events=events,
                    peak_users=peak_users,
                    habit_weeks=habit_weeks,
                    last_used_on=date.fromisoformat(last) if isinstance(last, str) else last,
                    share=min(1.0, peak_users / peak) if peak else 0.0,
                    description=description,
                )
            )
        else:
            found.append(
                FeatureUse(
                    name, UNUSED if is_entitled(needed, plans) else NOT_ENTITLED, description=description
                )
            )
    order = list(STATES)
    found.sort(key=lambda one: (order.index(one.state), -one.user_days, one.feature))
    entitled = [one for one in found if one.state != NOT_ENTITLED]
    recent = [one for one in entitled if one.days]
    return AccountAdoption(
        until=until,
        features=tuple(found),
        breadth=len(recent) / len(entitled) if entitled else None,
        depth=sum(one.state == "habitual" for one in recent) / len(recent) if recent else None,
        active_days=len(users),
        stickiness=sum(users) / WINDOW / peak if peak else None,
    )


def is_entitled(needed: Collection[str], plans: Collection[str]) -> bool:
    """Say whether plans include a feature; one that names no plan is everybody's."""
    return not needed or not set(needed).isdisjoint(plans)


def plans_of(account_ids: Collection[int]) -> dict[int, set[str]]:
    """Return the plans of the subscriptions that have not ended, by account: one query."""
    found: dict[int, set[str]] = {}
    rows = Subscription.objects.filter(account_id__in=account_ids, ended_on=None).exclude(plan="")
    for account_id, plan in rows.values_list("account_id", "plan"):
        found.setdefault(account_id, set()).add(plan)
    return found


def living_accounts(viewer: Viewer) -> QuerySet[Account]:
    """Return the visible accounts that have not churned."""
    visible: QuerySet[Account] = Account.objects.visible_to(viewer)
    return visible.exclude(lifecycle=Account.Lifecycle.CHURNED)


def feature_counts(viewer: Viewer, accounts: QuerySet[Account] | None = None) -> list[FeatureCounts]:
    """Return the features with the number of living accounts (of ``accounts``) by state, the most used first.

    A fixed number of queries, and one for each feature that only some plans include.
    """
    chosen = living_accounts(viewer) if accounts is None else accounts
    rows = FeatureAdoption.objects.visible_to(viewer).filter(account__in=chosen).order_by()
    counts: dict[str, dict[str, int]] = {}
    for feature, state, number in rows.values_list("feature", "state").annotate(number=Count("pk")):
        counts.setdefault(feature, {})[state] = number
    everybody = chosen.count()
    found = []
    for known in UsageFeature.objects.filter(is_hidden=False):
        entitled = everybody
        if known.plans:
            open_plan = Q(subscriptions__plan__in=known.plans, subscriptions__ended_on=None)
            entitled = chosen.filter(open_plan).distinct().count()
        state = counts.get(known.name, {})
        habitual, tried, lapsed = (state.get(name, 0) for name in ("habitual", "tried", "lapsed"))
        found.append(FeatureCounts(known.name, habitual, tried, lapsed, entitled, known.description))
    return sorted(found, key=lambda one: (-one.used, one.feature))
