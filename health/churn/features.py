"""What the churn model looks at, as known at a moment. Training, scoring and backtest call this one function.

Only what had happened and was recorded by then counts; values that are overwritten (tier, seats, priority, roles, the renewal
date) are taken as they were (``health.churn.history``). Left out on purpose: ARR and lifecycle (they change with the churn
itself), anything from tickets about leaving, and totals that grow with tenure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import percent, plain
from health.churn.history import History, history_of
from health.facts import DAY_SECONDS, NEVER, Facts, Floats
from health.peers import NO_COHORT
from health.registry import signals
from health.signals.relationship import KEY_ROLES, REACH, ROLE_WEIGHTS
from tickets.models import ConversationSignal

Row = dict[str, Any]
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Feature:
    """One input: its name for people and how its value reads."""

    label: str | Promise
    show: Callable[[Any], str]


def _days(value: Any) -> str:
    return _("%(days)s days") % {"days": plain(value)}


def _one_digit(value: Any) -> str:
    return plain(value, 1)


FEATURES: Mapping[str, Feature] = {
    # Use: how much, against itself, of the seats, how deep, how long ago.
    "users": Feature(gettext_lazy("Users a day"), _one_digit),
    "users_ratio": Feature(gettext_lazy("Users, four weeks against twelve"), percent),
    "users_change": Feature(gettext_lazy("Users against the four weeks before"), percent),
    "users_of_best": Feature(gettext_lazy("Users against the best four weeks"), percent),
    "users_z": Feature(gettext_lazy("Users against own past"), _one_digit),
    "trend": Feature(gettext_lazy("Usage trend a week"), lambda value: percent(value, 1)),
    "users_per_seat": Feature(gettext_lazy("Users a day of seats"), percent),
    "seat_use": Feature(gettext_lazy("Use of seats"), percent),
    "intensity": Feature(gettext_lazy("Actions a user and day"), _one_digit),
    "active_days": Feature(gettext_lazy("Days with use, of 28"), plain),
    "features": Feature(gettext_lazy("Features in use"), plain),
    "features_change": Feature(gettext_lazy("Features gained or lost"), plain),
    "days_since_use": Feature(gettext_lazy("Last use"), _days),
    # Support.
    "tickets": Feature(gettext_lazy("Tickets in 90 days per 100 seats"), _one_digit),
    "severity": Feature(gettext_lazy("Mean priority of tickets, 0 to 3"), _one_digit),
    "reopened": Feature(gettext_lazy("Tickets that came back"), plain),
    "trouble": Feature(gettext_lazy("Open trouble"), _one_digit),
    "sentiment": Feature(gettext_lazy("Ticket sentiment"), lambda value: plain(value, 2)),
    "rating": Feature(gettext_lazy("Good ratings"), percent),
    "days_since_rating": Feature(gettext_lazy("Last rating"), _days),
    # People.
    "days_since_message": Feature(gettext_lazy("Last message"), _days),
    "reach": Feature(gettext_lazy("Key contacts"), percent),
    "roles": Feature(gettext_lazy("Roles in touch"), plain),
    "contacts": Feature(gettext_lazy("Known contacts"), plain),
    "people_left": Feature(gettext_lazy("Key people who left, half a year"), plain),
    "csm_changes": Feature(gettext_lazy("Changes of CSM, half a year"), plain),
    "days_since_touch": Feature(gettext_lazy("Last touch by the CSM"), _days),
    # Contract.
    "days_to_renewal": Feature(gettext_lazy("Time to renewal"), _days),
    "tenure_days": Feature(gettext_lazy("Customer for"), _days),
    "tier": Feature(gettext_lazy("Tier"), str),
}
# Features that count days down to a date of every year; they move on while one looks ahead.
CLOCKS = ("days_to_renewal",)
HALF_YEAR = 180 * DAY_SECONDS
QUARTER = 90 * DAY_SECONDS


def features_as_of(facts: Facts, as_of: datetime) -> dict[int, Row]:
    """Return name -> value per account id of ``facts``; None where nothing is known. Names are the keys of FEATURES."""
    columns = columns_as_of(facts, as_of)
    plain_columns = {
        name: column.tolist() if name == "tier" else _plain(column) for name, column in columns.items()
    }
    return {
        pk: {name: column[place] for name, column in plain_columns.items()}
        for place, pk in enumerate(facts.account_ids)
    }


def columns_as_of(facts: Facts, as_of: datetime) -> Columns:
    """Return the same as one array per feature in the order of ``facts.account_ids``, NaN where nothing is known."""
    history, now = history_of(facts), as_of.timestamp()
    seats = history.seats(facts, as_of)
    columns: Columns = {
        **_use(facts, as_of, seats),
        **_support(facts, history, as_of, seats),
        **_people(facts, history, as_of),
        "days_to_renewal": _days_to_renewal(history.of_accounts(facts.accounts, "renewal_on", now), as_of),
        "tenure_days": _tenure(history.of_accounts(facts.accounts, "customer_since", now), as_of),
        "tier": np.array(history.of_accounts(facts.accounts, "tier", now), dtype=object),
    }
    return {name: columns[name] for name in FEATURES}


def _use(facts: Facts, as_of: datetime, seats: Floats) -> Columns:
    view = facts.usage(as_of)
    users = view.users
    recent, before = users[:, -28:].mean(axis=1), users[:, -112:-28].mean(axis=1)
    best = np.full(len(facts), np.nan)
    months = users[:, -168:].reshape(len(users), 6, 28).mean(axis=2)
    known = ~np.isnan(months).all(axis=1)
    best[known] = np.nanmax(months[known], axis=1)
    busiest = users[:, -28:].reshape(len(users), 4, 7).max(axis=2).mean(axis=1)
    breadth = facts.features_used(as_of)
    return {
        "users": recent,
        "users_ratio": _over(recent, before),
        "users_change": _over(recent, users[:, -56:-28].mean(axis=1)),
        "users_of_best": _over(recent, best),
        "users_z": _signal(facts, "active_users", as_of),
        "trend": _signal(facts, "usage_trend", as_of),
        "users_per_seat": _over(recent, seats),
        "seat_use": _over(busiest, seats),
        "intensity": _over(view.events[:, -28:].mean(axis=1), recent),
        "active_days": np.where(np.isnan(recent), np.nan, (np.nan_to_num(users[:, -28:]) > 0).sum(axis=1)),
        "features": breadth,
        "features_change": breadth - facts.features_used(as_of - timedelta(days=28), known_at=as_of),
        "days_since_use": _signal(facts, "last_use", as_of),
    }


def _support(facts: Facts, history: History, as_of: datetime, seats: Floats) -> Columns:
    now, rows, size = as_of.timestamp(), history.tickets, len(facts)
    ranks, is_open = history.priority_ranks(now), history.open_tickets(now)
    recent = (rows.created <= now) & (rows.created > now - QUARTER)
    tickets = np.bincount(rows.row[recent], minlength=size).astype(float)
    severity = np.bincount(rows.row[recent], weights=ranks[recent], minlength=size).astype(float)
    pressing = is_open & (ranks >= 2)
    age = np.clip((now - rows.created) / DAY_SECONDS, 0, 3)
    burden = np.where(pressing, age * np.where(ranks >= 3, 1.0, 0.5), 0.0)
    broken = (rows.breached <= now) & (rows.breached > now - 28 * DAY_SECONDS)
    trouble = np.bincount(rows.row, weights=broken + burden, minlength=size)
    trouble = trouble + facts.said(ConversationSignal.Kind.PROMISE, as_of)
    rated = facts.ratings(as_of, days=180)
    last_rating = np.full(size, -NEVER)
    np.maximum.at(last_rating, rated.row, rated.known)
    messages = facts.messages
    heard = np.full(size, -NEVER)
    chosen = messages.inbound & (messages.known <= now)
    np.maximum.at(heard, messages.row[chosen], messages.known[chosen])
    return {
        "tickets": _over(100 * tickets, seats),
        "severity": _over(severity, tickets),
        "reopened": history.reopened(now - QUARTER, now, size),
        "trouble": trouble,
        "sentiment": _signal(facts, "ticket_sentiment", as_of),
        "rating": _signal(facts, "satisfaction", as_of),
        "days_since_rating": _ago(last_rating, now),
        "days_since_message": _ago(heard, now),
    }


def _people(facts: Facts, history: History, as_of: datetime) -> Columns:
    now, size = as_of.timestamp(), len(facts)
    messages = facts.messages
    chosen = messages.inbound & (messages.known <= now) & (messages.contact > 0)
    heard: dict[int, float] = {}
    for contact, at in zip(messages.contact[chosen].tolist(), messages.known[chosen].tolist(), strict=True):
        heard[contact] = max(at, heard.get(contact, -NEVER))
    contacts, left_lately, weights, reached = (np.zeros(size) for _name in range(4))
    roles: dict[int, set[str]] = {}
    for one in history.people:
        last = heard.get(one.id, -NEVER)
        if one.created > now and last == -NEVER:
            continue
        role = history.value("contact", one.id, "role", now, one.role)
        left = _moment(history.value("contact", one.id, "left_at", now, one.left))
        if left <= now:
            left_lately[one.row] += role in KEY_ROLES and left > now - HALF_YEAR
            continue
        contacts[one.row] += 1
        weight = ROLE_WEIGHTS.get(role, 0.0)
        weights[one.row] += weight
        near = 0.0 if last == -NEVER else REACH(max(0.0, now - last) / DAY_SECONDS) / 100
        reached[one.row] += weight * near
        if role in KEY_ROLES and near > 0.5:
            roles.setdefault(one.row, set()).add(role)
    in_touch = np.array([float(len(roles.get(row, ()))) for row in range(size)])
    return {
        "reach": _over(reached, weights),
        "roles": np.where(weights > 0, in_touch, np.nan),
        "contacts": contacts,
        "people_left": left_lately,
        "csm_changes": history.count("account", "csm_id", now - HALF_YEAR, now, size),
        "days_since_touch": _ago(facts.last_touch(as_of), now),
    }


def _days_to_renewal(dates: Sequence[Any], as_of: datetime) -> Floats:
    """Days to the next anniversary of the renewal date: a date that moved on when the contract was renewed tells nothing."""
    day = as_of.date()
    found = np.full(len(dates), np.nan)
    for place, renewal in enumerate(dates):
        if renewal is not None:
            found[place] = _to_anniversary(renewal.month, renewal.day, day)
    return found


def _to_anniversary(month: int, day_of_month: int, day: Any) -> int:
    due = day.replace(month=month, day=min(day_of_month, 28) if month == 2 else day_of_month)
    if due < day:
        due = due.replace(year=due.year + 1)
    return int((due - day).days)


def _tenure(dates: Sequence[Any], as_of: datetime) -> Floats:
    day = as_of.date()
    return np.array([np.nan if since is None else (day - since).days for since in dates], dtype=float)


def _over(above: Floats, below: Floats) -> Floats:
    """The ratio, NaN where nothing lies below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.where(below > 0, above / below, np.nan)
    return result


def _ago(at: Floats, now: float) -> Floats:
    """Days since a moment; NaN for never."""
    result: Floats = np.where(at > -NEVER, (now - at) / DAY_SECONDS, np.nan)
    return result


def _moment(value: Any) -> float:
    """POSIX seconds of a moment that is one already, a datetime, or None for never."""
    if value is None:
        return NEVER
    return value if isinstance(value, float) else float(value.timestamp())


def _plain(column: Floats) -> list[float | None]:
    return [None if value != value else value for value in np.round(column, 6).tolist()]


def _signal(facts: Facts, key: str, as_of: datetime) -> Floats:
    """Return the raw values of a health signal; NaN where it knows nothing."""
    return signals.get(key).readings(facts, as_of, NO_COHORT).value


def names() -> Sequence[str]:
    """Return the names of the features in a fixed order."""
    return list(FEATURES)
