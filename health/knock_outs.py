"""Knock-outs: facts that no good value makes up for. Each caps the score; the lowest cap holds, all are shown."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from health.facts import DAY_SECONDS, Facts
from health.scorecard import Cap
from tickets.models import ConversationSignal, Ticket
from tickets.satisfaction import LOW

EXECUTIVE_ROLES = ("sponsor", "buyer")
RATED_DAYS = 14
KEY_ROLES = ("sponsor", "buyer", "champion")
URGENT_RANK = list(Ticket.Priority.values).index(Ticket.Priority.URGENT)

LABELS: dict[str, str | Promise] = {
    "notice": _("Notice of leaving given"),
    "no_usage": _("No use for 30 days"),
    "urgent_ticket": _("Urgent ticket open for more than a day"),
    "sponsor_gone": _("Key contact gone and not replaced"),
    "says_leaving": _("Said within 30 days that they leave"),
    "low_rating": _("Bad rating by a sponsor or buyer within two weeks"),
}


def caps_for(facts: Facts, as_of: datetime) -> dict[int, list[Cap]]:
    """Return, per account id, the caps that hold at a moment."""
    found: dict[int, list[Cap]] = {}
    for rule in (_notice, _no_usage, _urgent_ticket, _sponsor_gone, _low_rating, _says_leaving):
        for account_id, cap in rule(facts, as_of).items():
            found.setdefault(account_id, []).append(cap)
    return found


def _notice(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 20 once the customer has said that it leaves."""
    return {pk: Cap("notice", 20, {"on": day.isoformat()}) for pk, day in facts.notices(as_of).items()}


def _no_usage(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 30 when an account that used the product has not used it for 30 days."""
    recent = facts.usage(as_of).users[:, -30:]
    silent = ~np.isnan(recent).any(axis=1) & (recent.sum(axis=1) == 0)
    return {facts.account_ids[row]: Cap("no_usage", 30) for row in np.flatnonzero(silent)}


def _urgent_ticket(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 60 while an urgent ticket has been open for more than 24 hours."""
    now, rows = as_of.timestamp(), facts.tickets
    bad = (rows.rank >= URGENT_RANK) & (rows.created < now - DAY_SECONDS) & (rows.resolved > now)
    counts = np.bincount(rows.row[bad], minlength=len(facts))
    return {
        facts.account_ids[row]: Cap("urgent_ticket", 60, {"tickets": int(counts[row])})
        for row in np.flatnonzero(counts)
    }


def _sponsor_gone(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 55 when a sponsor, buyer or champion left 30 days ago and nobody has the role now."""
    held = {(person.row, person.role) for person, _heard, _mood in facts.people(as_of)}
    return {
        facts.account_ids[person.row]: Cap("sponsor_gone", 55, {"role": person.role})
        for person in facts.departed(as_of, days=30)
        if person.role in KEY_ROLES and (person.row, person.role) not in held
    }


def _low_rating(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 65 for two weeks after a sponsor or buyer said that a solution was bad."""
    executives = {
        person.id for person, _heard, _mood in facts.people(as_of) if person.role in EXECUTIVE_ROLES
    }
    rows = facts.ratings(as_of, days=RATED_DAYS)
    lowest: dict[int, int] = {}
    for row, score, contact in zip(
        rows.row.tolist(), rows.score.tolist(), rows.contact.tolist(), strict=True
    ):
        if score <= LOW and contact in executives:
            lowest[facts.account_ids[row]] = min(score, lowest.get(facts.account_ids[row], score))
    return {pk: Cap("low_rating", 65, {"score": score}) for pk, score in lowest.items()}


def _says_leaving(facts: Facts, as_of: datetime) -> Mapping[int, Cap]:
    """At most 65 for 30 days after a message that says that the customer leaves, unless somebody has dismissed it."""
    counts = facts.said(ConversationSignal.Kind.CHURN, as_of)
    return {
        facts.account_ids[row]: Cap("says_leaving", 65, {"messages": int(counts[row])})
        for row in np.flatnonzero(counts)
    }
