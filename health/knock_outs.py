"""Knock-outs: facts that no good value makes up for. Each caps the score; the lowest cap holds, all are shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from health.facts import DAY_SECONDS, Facts
from health.registry import KnockOut, knock_outs
from health.scorecard import Cap
from tickets.models import ConversationSignal, Ticket
from tickets.satisfaction import LOW

EXECUTIVE_ROLES = ("sponsor", "buyer")
RATED_DAYS = 14
KEY_ROLES = ("sponsor", "buyer", "champion")
URGENT_RANK = list(Ticket.Priority.values).index(Ticket.Priority.URGENT)

Held = Mapping[int, Mapping[str, Any]]


def caps_for(facts: Facts, as_of: datetime) -> dict[int, list[Cap]]:
    """Return, per account id, the caps that hold at a moment with their usual ceilings; cards change those."""
    found: dict[int, list[Cap]] = {}
    for part in sorted(knock_outs, key=lambda part: (part.order, part.key)):
        for account_id, detail in part.holds(facts, as_of).items():
            found.setdefault(account_id, []).append(Cap(part.key, part.ceiling, detail))
    return found


class Notice(KnockOut):
    """At most 20 once the customer has said that it leaves."""

    key = "notice"
    label = _("Notice of leaving given")
    ceiling = 20
    order = 10

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts with a notice, and its day."""
        return {pk: {"on": day.isoformat()} for pk, day in facts.notices(as_of).items()}


class NoUsage(KnockOut):
    """At most 30 when an account that used the product has not used it for 30 days."""

    key = "no_usage"
    label = _("No use for 30 days")
    ceiling = 30
    order = 20

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts that fell silent."""
        recent = facts.usage(as_of).users[:, -30:]
        silent = ~np.isnan(recent).any(axis=1) & (recent.sum(axis=1) == 0)
        return {facts.account_ids[row]: {} for row in np.flatnonzero(silent)}


class UrgentTicket(KnockOut):
    """At most 60 while an urgent ticket has been open for more than 24 hours."""

    key = "urgent_ticket"
    label = _("Urgent ticket open for more than a day")
    ceiling = 60
    order = 30

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts with such tickets, and how many."""
        now, rows = as_of.timestamp(), facts.tickets
        bad = (rows.rank >= URGENT_RANK) & (rows.created < now - DAY_SECONDS) & (rows.resolved > now)
        counts = np.bincount(rows.row[bad], minlength=len(facts))
        return {facts.account_ids[row]: {"tickets": int(counts[row])} for row in np.flatnonzero(counts)}


class SponsorGone(KnockOut):
    """At most 55 when a sponsor, buyer or champion left 30 days ago and nobody has the role now."""

    key = "sponsor_gone"
    label = _("Key contact gone and not replaced")
    ceiling = 55
    order = 40

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts with an empty key role."""
        held = {(person.row, person.role) for person, _heard, _mood in facts.people(as_of)}
        return {
            facts.account_ids[person.row]: {"role": person.role}
            for person in facts.departed(as_of, days=30)
            if person.role in KEY_ROLES and (person.row, person.role) not in held
        }


class LowRating(KnockOut):
    """At most 65 for two weeks after a sponsor or buyer said that a solution was bad."""

    key = "low_rating"
    label = _("Bad rating by a sponsor or buyer within two weeks")
    ceiling = 65
    order = 50

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts with such a rating, and the lowest."""
        executives = {
            person.id for person, _heard, _mood in facts.people(as_of) if person.role in EXECUTIVE_ROLES
        }
        rows = facts.ratings(as_of, days=RATED_DAYS)
        lowest: dict[int, int] = {}
        for row, score, contact in zip(
            rows.row.tolist(), rows.score.tolist(), rows.contact.tolist(), strict=True
        ):
            if score <= LOW and contact in executives:
                pk = facts.account_ids[row]
                lowest[pk] = min(score, lowest.get(pk, score))
        return {pk: {"score": score} for pk, score in lowest.items()}


class SaysLeaving(KnockOut):
    """At most 65 for 30 days after a message that says that the customer leaves, unless somebody has dismissed it."""

    key = "says_leaving"
    label = _("Said within 30 days that they leave")
    ceiling = 65
    order = 60

    def holds(self, facts: Facts, as_of: datetime) -> Held:
        """Accounts that said so, and in how many messages."""
        counts = facts.said(ConversationSignal.Kind.CHURN, as_of)
        return {facts.account_ids[row]: {"messages": int(counts[row])} for row in np.flatnonzero(counts)}
