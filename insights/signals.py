"""What customers say in conversations, counted: by kind and week, by channel, category or segment, and by who says it.

A signal counts when it was said; what people have dismissed does not. Signals come from the model in service of their kind
(docs/conversation-signals.md): one that is not shown is not counted either, unless people add it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Max, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account
from insights.figures import Scope
from insights.periods import midnight
from insights.report import names_of
from insights.sources import NONE, SIGNALS
from tickets.models import ConversationSignal, Ticket
from tickets.services.judge_signal import BY_PERSON

Kind, State = ConversationSignal.Kind, ConversationSignal.State
KINDS = [kind for kind in Kind if kind != Kind.PROMISE]
# By what counts are broken down, with the column that says it.
BREAKDOWNS = {
    "channel": gettext_lazy("Channel"),
    "category": gettext_lazy("Category"),
    "segment": gettext_lazy("Segment"),
    "team": gettext_lazy("Team"),
}
_SEGMENT = "message__ticket__account__tier"
MOST_ACCOUNTS = 100
MOST_TICKETS = 5
_READ = 2_000


@dataclass(frozen=True)
class KindCount:
    """One kind in the period: ``count`` are valid, ``read`` were found by a model, of these ``dismissed`` by people; ``added`` by
    people, as the model had missed them. ``weeks`` counts by ``SignalReport.weeks``, ``groups`` by its groups."""

    kind: str
    label: str
    count: int = 0
    read: int = 0
    dismissed: int = 0
    added: int = 0
    weeks: Sequence[int] = ()
    groups: Mapping[str, int] = field(default_factory=dict)

    @property
    def corrected(self) -> float | None:
        """The share (0..1) that people corrected: dismissed or added, of all that was read or added; None of nothing."""
        said = self.read + self.added
        return (self.dismissed + self.added) / said if said else None


@dataclass(frozen=True)
class SignalReport:
    """Every kind; ``weeks`` are first days, ``groups`` (value, name) pairs of the breakdown, the busiest first."""

    kinds: Sequence[KindCount]
    weeks: Sequence[date]
    groups: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SaidTicket:
    """A ticket in which it was said, with the moment and whether a person has confirmed it."""

    ticket: Ticket
    said_at: datetime
    is_confirmed: bool


@dataclass(frozen=True)
class AccountSaid:
    """One company (None: nobody's) on the board: how many of its tickets say it, the newest of them, when it was last said."""

    account: Account | None
    tickets: int
    last_at: datetime
    newest: Sequence[SaidTicket]

    @property
    def arr(self) -> Decimal | None:
        """The yearly revenue in the account's currency."""
        return None if self.account is None else self.account.arr


def signal_report(scope: Scope, by: str) -> SignalReport:
    """Count the signals of the period by kind and week, and by the values of ``by`` (a key of ``BREAKDOWNS``). Three queries."""
    weeks = _weeks(scope)
    bounds = [midnight(day, scope.period.zone) for day in weeks[1:]]
    spans = [When(said_at__lt=bound, then=Value(place)) for place, bound in enumerate(bounds)]
    rows = _said(scope).order_by()
    valid, machine = ~Q(state=State.DISMISSED), ~Q(source=BY_PERSON)
    columns = {"segment": _SEGMENT, **SIGNALS.columns}
    totals: dict[str, dict[str, int]] = {
        row["kind"]: row
        for row in rows.values("kind").annotate(
            count=Count("pk", filter=valid),
            read=Count("pk", filter=machine),
            dismissed=Count("pk", filter=machine & ~valid),
            added=Count("pk", filter=valid & ~machine),
        )
    }
    by_week: dict[str, list[int]] = defaultdict(lambda: [0] * len(weeks))
    counted = (
        rows.filter(valid).annotate(bucket=Case(*spans, default=Value(len(bounds)))).values("kind", "bucket")
    )
    for row in counted.annotate(n=Count("pk")):
        by_week[row["kind"]][row["bucket"]] += row["n"]
    by_group: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows.filter(valid).values("kind", group=F(columns[by])).annotate(n=Count("pk")):
        value = NONE if row["group"] in (None, "") else str(row["group"])
        by_group[row["kind"]][value] = by_group[row["kind"]].get(value, 0) + row["n"]
    return SignalReport(
        [
            KindCount(
                kind.value,
                str(kind.label),
                **{
                    name: totals.get(kind, {}).get(name, 0)
                    for name in ("count", "read", "dismissed", "added")
                },
                weeks=by_week[kind],
                groups=by_group[kind],
            )
            for kind in KINDS
        ],
        weeks,
        _groups(by, by_group),
    )


def _groups(by: str, counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    sums: dict[str, int] = defaultdict(int)
    for found in counts.values():
        for value, n in found.items():
            sums[value] += n
    known = [value for value in sums if value != NONE]
    names = dict(Account.Tier.choices) if by == "segment" else names_of(by, known)
    order = sorted(sums, key=lambda value: (value == NONE, -sums[value], value))
    return [(value, str(names.get(value, _("none") if value == NONE else value))) for value in order]


def accounts_that_say(kind: str, scope: Scope) -> tuple[list[AccountSaid], bool]:
    """The companies whose tickets say something, the most valuable first and nobody's last; and whether there are more.

    Only tickets that the viewer may open count. Who may not see customers is not told whose they are. Three queries at most.
    """
    rows = SIGNALS.openable(_said(scope), scope.viewer).filter(kind=kind).exclude(state=State.DISMISSED)
    if not scope.viewer.can("customers.view"):
        column, found = None, [_all_of(rows)]
    else:
        column = "message__ticket__account_id"
        grouped = rows.order_by().values(account=F(column), arr=F("message__ticket__account__arr"))
        counted = grouped.annotate(tickets=Count("message__ticket_id", distinct=True), last=Max("said_at"))
        order = (F("arr").desc(nulls_last=True), F("tickets").desc(), F("account").asc(nulls_last=True))
        found = list(counted.order_by(*order)[: MOST_ACCOUNTS + 1])
    found = [one for one in found if one["tickets"]]
    shown = found[:MOST_ACCOUNTS]
    accounts = Account.objects.visible_to(scope.viewer).in_bulk(
        [one["account"] for one in shown if one["account"]]
    )
    newest = _newest(rows, [one["account"] for one in shown], whose=column is not None)
    return [
        AccountSaid(accounts.get(one["account"]), one["tickets"], one["last"], newest[one["account"]])
        for one in shown
    ], len(found) > MOST_ACCOUNTS


def _all_of(rows: QuerySet[Any]) -> dict[str, Any]:
    told = rows.aggregate(tickets=Count("message__ticket_id", distinct=True), last=Max("said_at"))
    return {"account": None, **told}


def _newest(
    rows: QuerySet[Any], accounts: Sequence[int | None], *, whose: bool
) -> dict[int | None, list[SaidTicket]]:
    """The newest tickets of each account, each ticket once; a busy account may crowd out what another said long before."""
    found: dict[int | None, dict[int, SaidTicket]] = {account: {} for account in accounts}
    if not accounts:
        return {}
    for row in rows.select_related("message__ticket").order_by("-said_at", "-pk")[:_READ]:
        ticket = row.message.ticket
        kept = found.get(ticket.account_id if whose else None)
        if kept is not None and len(kept) < MOST_TICKETS:
            kept.setdefault(ticket.pk, SaidTicket(ticket, row.said_at, row.state == State.CONFIRMED))
    return {account: list(tickets.values()) for account, tickets in found.items()}


def _said(scope: Scope) -> QuerySet[Any]:
    """The signals of the period that a viewer's figures count."""
    period = scope.period
    rows = SIGNALS.rows(scope.viewer).filter(said_at__gte=period.start, said_at__lt=period.end)
    for dimension, value in scope.filters.items():
        rows = rows.filter(SIGNALS.clause(dimension, value))
    return rows


def _weeks(scope: Scope) -> list[date]:
    """The Mondays of the weeks that the period touches."""
    first = scope.period.first - timedelta(days=scope.period.first.weekday())
    return [first + timedelta(days=7 * n) for n in range((scope.period.last - first).days // 7 + 1)]
