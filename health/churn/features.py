"""What the churn model looks at, as known at a moment. Training, scoring and backtest call this one function.

Left out on purpose: ARR and lifecycle (they change with the churn itself), anything from tickets about leaving, and totals
that grow with tenure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import percent, plain
from health.facts import DAY_SECONDS, NEVER, Facts, Floats
from health.peers import NO_COHORT
from health.registry import signals

Row = dict[str, Any]


@dataclass(frozen=True)
class Feature:
    """One input: its name for people and how its value reads."""

    label: str | Promise
    show: Callable[[Any], str]


def _days(value: Any) -> str:
    return _("%(days)s days") % {"days": plain(value)}


FEATURES: Mapping[str, Feature] = {
    "users": Feature(gettext_lazy("Users a day"), lambda value: plain(value, 1)),
    "users_ratio": Feature(gettext_lazy("Users, four weeks against twelve"), percent),
    "users_z": Feature(gettext_lazy("Users against own past"), lambda value: plain(value, 1)),
    "trend": Feature(gettext_lazy("Usage trend a week"), lambda value: percent(value, 1)),
    "seat_use": Feature(gettext_lazy("Use of seats"), percent),
    "features": Feature(gettext_lazy("Features in use"), plain),
    "features_change": Feature(gettext_lazy("Features gained or lost"), plain),
    "days_since_use": Feature(gettext_lazy("Last use"), _days),
    "tickets": Feature(gettext_lazy("Tickets in 90 days per 100 seats"), lambda value: plain(value, 1)),
    "trouble": Feature(gettext_lazy("Open trouble"), lambda value: plain(value, 1)),
    "sentiment": Feature(gettext_lazy("Ticket sentiment"), lambda value: plain(value, 2)),
    "days_since_message": Feature(gettext_lazy("Last message"), _days),
    "reach": Feature(gettext_lazy("Key contacts"), percent),
    "roles": Feature(gettext_lazy("Roles in touch"), plain),
    "days_to_renewal": Feature(gettext_lazy("Time to renewal"), _days),
    "tenure_days": Feature(gettext_lazy("Customer for"), _days),
    "tier": Feature(gettext_lazy("Tier"), str),
}


def features_as_of(facts: Facts, as_of: datetime) -> dict[int, Row]:
    """Return name -> value per account id of ``facts``; None where nothing is known. Names are the keys of FEATURES."""
    users = facts.usage(as_of).users
    recent, before = users[:, -28:].mean(axis=1), users[:, -112:-28].mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(before > 0, recent / before, np.nan)
    breadth = facts.features_used(as_of)
    rows = facts.messages
    heard = np.full(len(facts), -NEVER)
    chosen = rows.inbound & (rows.known <= as_of.timestamp())
    np.maximum.at(heard, rows.row[chosen], rows.known[chosen])
    columns: dict[str, Floats] = {
        "users": recent,
        "users_ratio": ratio,
        "users_z": _signal(facts, "active_users", as_of),
        "trend": _signal(facts, "usage_trend", as_of),
        "seat_use": _signal(facts, "seat_use", as_of),
        "features": breadth,
        "features_change": breadth - facts.features_used(as_of - timedelta(days=28), known_at=as_of),
        "days_since_use": _signal(facts, "last_use", as_of),
        "tickets": _tickets_per_100_seats(facts, as_of),
        "trouble": _signal(facts, "open_trouble", as_of),
        "sentiment": _signal(facts, "ticket_sentiment", as_of),
        "days_since_message": np.where(heard > -NEVER, (as_of.timestamp() - heard) / DAY_SECONDS, np.nan),
        "reach": _signal(facts, "key_contacts", as_of),
        "roles": _signal(facts, "multithreading", as_of),
        "days_to_renewal": facts.days_to_renewal(as_of),
        "tenure_days": facts.tenure_days(as_of),
    }
    result: dict[int, Row] = {}
    for place, account in enumerate(facts.accounts):
        row: Row = {name: _plain(column[place]) for name, column in columns.items()}
        result[account.pk] = row | {"tier": account.tier}
    return result


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _signal(facts: Facts, key: str, as_of: datetime) -> Floats:
    """Return the raw values of a health signal; NaN where it knows nothing."""
    return signals.get(key).readings(facts, as_of, NO_COHORT).value


def _tickets_per_100_seats(facts: Facts, as_of: datetime) -> Floats:
    now, rows, seats = as_of.timestamp(), facts.tickets, facts.seats(as_of)
    recent = (rows.created <= now) & (rows.created > now - 90 * DAY_SECONDS)
    tickets = np.bincount(rows.row[recent], minlength=len(facts))
    result: Floats = np.where(seats > 0, 100 * tickets / np.maximum(seats, 1), np.nan)
    return result


def names() -> Sequence[str]:
    """Return the names of the features in a fixed order."""
    return list(FEATURES)
