"""Support: how many tickets, how bad the open ones are, and the mood of what the customer writes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import plain
from health.facts import DAY_SECONDS, NEVER, Facts
from health.normalisers import CohortPercentile, Piecewise
from health.peers import Cohort
from health.registry import Group, Readings, Signal
from tickets.models import ConversationSignal

Kind = ConversationSignal.Kind

LOAD_DAYS = 90
# One ticket in twenty seat-months is what a small account is shrunk to.
PRIOR_TICKETS, PRIOR_SEAT_MONTHS = 1.0, 20.0
MOOD = Piecewise(((-1, 0), (-0.3, 35), (0, 60), (0.3, 85), (1, 100)))
MOOD_HALF_LIFE = 21.0
BUG_BURDEN = 0.25


class TicketLoad(Signal):
    """Tickets per seat-month over 90 days, (tickets + 1) / (seat-months + 20), ranked among comparable accounts, fewer better.

    No ticket at all and falling use is no good sign: the use signals say so.
    """

    key = "ticket_load"
    label = gettext_lazy("Ticket load")
    group = Group.SUPPORT
    weight = 7
    normaliser = CohortPercentile(inverted=True)
    needs_peers = True

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with seats."""
        now, rows = as_of.timestamp(), facts.tickets
        recent = (rows.created <= now) & (rows.created > now - LOAD_DAYS * DAY_SECONDS)
        tickets = np.bincount(rows.row[recent], minlength=len(facts))
        seats = facts.seats(as_of)
        load = (tickets + PRIOR_TICKETS) / (seats * LOAD_DAYS / 30 + PRIOR_SEAT_MONTHS)
        return Readings.of(facts, np.where(seats > 0, load, np.nan), as_of, tickets, tickets=tickets)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Tickets in 90 days."""
        tickets = int(detail.get("tickets", 0))
        return ngettext("%(n)d ticket in 90 days", "%(n)d tickets in 90 days", tickets) % {"n": tickets}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs a number of seats and five comparable accounts")


class OpenTrouble(Signal):
    """Broken promises of the last 28 days plus the age in days (at most 3) of open urgent tickets, high ones half.

    What we promised in words and did not keep counts as much for 30 days, an open report of a bug a quarter.
    """

    key = "open_trouble"
    label = gettext_lazy("Open trouble")
    group = Group.SUPPORT
    weight = 12
    normaliser = Piecewise(((0, 100), (1, 70), (2, 45), (4, 15), (6, 0)))

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read every account: no trouble is good news."""
        now, rows = as_of.timestamp(), facts.tickets
        breached = (rows.breached <= now) & (rows.breached > now - 28 * DAY_SECONDS)
        is_open = (rows.created <= now) & (rows.resolved > now) & (rows.rank >= 2)
        age = np.clip((now - rows.created) / DAY_SECONDS, 0, 3)
        burden = np.where(is_open, age * np.where(rows.rank >= 3, 1.0, 0.5), 0.0)
        breaches = np.bincount(rows.row[breached], minlength=len(facts))
        total = np.bincount(rows.row, weights=breached + burden, minlength=len(facts))
        pressing = np.bincount(rows.row[is_open], minlength=len(facts))
        worded, bugs = facts.said(Kind.PROMISE, as_of), facts.said(Kind.BUG, as_of)
        total = total + worded + BUG_BURDEN * bugs
        return Readings.of(facts, total, as_of, breaches=breaches + worded, pressing=pressing, bugs=bugs)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Open urgent and high tickets, broken promises."""
        pressing, breaches = int(detail.get("pressing", 0)), int(detail.get("breaches", 0))
        words = []
        if pressing:
            words.append(
                ngettext("%(n)d pressing ticket", "%(n)d pressing tickets", pressing) % {"n": pressing}
            )
        if breaches:
            words.append(
                ngettext("%(n)d broken promise", "%(n)d broken promises", breaches) % {"n": breaches}
            )
        bugs = int(detail.get("bugs", 0))
        if bugs:
            words.append(ngettext("%(n)d open bug", "%(n)d open bugs", bugs) % {"n": bugs})
        return ", ".join(words) or _("nothing pressing, nothing late")


class TicketSentiment(Signal):
    """Mean sentiment of what the customer wrote, Σ s·p·2^(−age/21 d) / Σ p·2^(−age/21 d), from two messages on."""

    key = "ticket_sentiment"
    label = gettext_lazy("Ticket sentiment")
    group = Group.SENTIMENT
    weight = 13
    normaliser = MOOD
    fewest = 2

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Read accounts with at least two scored messages."""
        now, rows = as_of.timestamp(), facts.messages
        chosen = rows.inbound & (rows.known <= now) & ~np.isnan(rows.score)
        weight = rows.confidence[chosen] * np.exp2(-(now - rows.known[chosen]) / DAY_SECONDS / MOOD_HALF_LIFE)
        row, size = rows.row[chosen], len(facts)
        pulls = np.bincount(row, weights=weight, minlength=size)
        sums = np.bincount(row, weights=weight * rows.score[chosen], minlength=size)
        counts = np.bincount(row, minlength=size)
        last = np.full(size, -NEVER)
        np.maximum.at(last, row, rows.known[chosen])
        enough = (counts >= self.fewest) & (pulls > 0)
        mean = np.divide(sums, pulls, out=np.full(size, np.nan), where=enough)
        return Readings.of(facts, mean, last, counts)

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Mean on the scale of the model."""
        return _("mean %(mean)s of −1 to +1") % {"mean": plain(value, 2)}

    def missing_reason(self) -> str:
        """Say what it takes."""
        return _("needs two scored messages")
