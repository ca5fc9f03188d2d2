"""What is known about a set of accounts, loaded once with a fixed number of queries and read as of any moment.

Everything is kept with the moment it happened and the moment it was recorded; every method takes ``as_of`` and answers
with what had happened and was recorded by then. The same object serves today's scores, a year of history and the
training of the churn model, so that all three see the same. Usage counts complete UTC days before the day of ``as_of``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Case, F, Min, Q, When

from core.models import Event
from customers.models import Account, Contact, RevenueMovement, Subscription, UsageDaily, UsageDailyRevision
from health.loading import among, columns, feature_days, has_arrays, usage_before, used_before
from people.roles import Role
from tickets.events import TICKET_RATED
from tickets.models import ConversationSignal, Message, Ticket

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What is counted of conversations; talk of leaving and broken promises for 30 days.
SAID = (
    ConversationSignal.Kind.CHURN,
    ConversationSignal.Kind.BUG,
    ConversationSignal.Kind.PROMISE,
)
SAID_DAYS = 30

WEEKS = 27
DAYS = WEEKS * 7
NEVER = float("inf")
DAY_SECONDS = 86_400.0


def moment_of(day: date) -> datetime:
    """Return the last moment of a UTC day: when a day's snapshot of the past is taken."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def _stamp(moment: datetime | None) -> float:
    return NEVER if moment is None else moment.timestamp()


@dataclass(frozen=True)
class UsageView:
    """Daily users and events of the 27 weeks before a day, one row per account, oldest day first.

    NaN before the account's first use; 0 on days without use after it.
    """

    users: Floats
    events: Floats

    @cached_property
    def weekly_users(self) -> Floats:
        """Mean daily users per week: ``(accounts, 27)``; NaN where a day of the week is."""
        weekly: Floats = self.users.reshape(len(self.users), WEEKS, 7).mean(axis=2)
        return weekly


@dataclass(frozen=True)
class TicketRows:
    """Tickets as columns; ``row`` is the account's row. Times are POSIX seconds, ``inf`` for never."""

    row: Ints
    created: Floats
    resolved: Floats
    rank: Ints
    breached: Floats


@dataclass(frozen=True)
class MessageRows:
    """Answers and inbound messages as columns; ``known`` is when both happened and recorded. ``score`` NaN when unscored."""

    row: Ints
    known: Floats
    inbound: npt.NDArray[np.bool_]
    by_csm: npt.NDArray[np.bool_]
    contact: Ints
    score: Floats
    confidence: Floats


@dataclass(frozen=True)
class RatingRows:
    """What customers said about solutions as columns, in the order in which it was known; a changed answer is a row more.

    ``survey`` names the question: of its rows the last one that is known counts. ``contact`` is 0 when unknown.
    """

    row: Ints
    known: Floats
    survey: Ints
    score: Ints
    contact: Ints


@dataclass(frozen=True)
class SaidRows:
    """What conversations say as columns: it counts from ``since`` until ``until``, POSIX seconds; ``kind`` as in SAID."""

    row: Ints
    kind: Ints
    since: Floats
    until: Floats


@dataclass(frozen=True)
class FeatureRows:
    """Use of single features as columns, sorted by day (ordinal)."""

    row: Ints
    feature: Ints
    day: Ints
    recorded: Floats


@dataclass(frozen=True)
class Person:
    """A contact with a role."""

    id: int
    row: int
    role: str
    left: float
    created: float


#: The roles of contacts; ``People.role`` is the place in this list.
ROLES: tuple[str, ...] = tuple(str(role) for role, _label in Contact._meta.get_field("role").choices or ())


@dataclass(frozen=True)
class People:
    """People with a role as columns, by id. ``heard`` is POSIX seconds, ``-inf`` for never; ``mood`` NaN when unknown."""

    id: Ints
    row: Ints
    role: Ints
    heard: Floats
    mood: Floats


class Facts:
    """Facts about accounts for moments from ``first`` to ``last`` (both aware); see the module."""

    def __init__(self, account_ids: Sequence[int], *, first: datetime, last: datetime) -> None:
        self.first, self.last = first, last
        found = Account.objects.filter(pk__in=among(account_ids)).order_by("pk")
        self.accounts: list[Account] = list(found)
        self.account_ids: list[int] = [account.pk for account in self.accounts]
        self.rows: dict[int, int] = {pk: row for row, pk in enumerate(self.account_ids)}
        self._view = lru_cache(maxsize=2)(self._usage_view)
        self._people_view = lru_cache(maxsize=2)(self._view_people)

    def __len__(self) -> int:
        return len(self.account_ids)

    @cached_property
    def _among(self) -> Any:
        return among(self.account_ids)

    @property
    def _at_once(self) -> bool:
        """Whether a single moment is asked about, so that the database may leave out what was not known by then."""
        return self.first == self.last and has_arrays()

    def _places(self, ids: Floats) -> Ints:
        """Return the rows of account ids."""
        return np.searchsorted(self._sorted_ids, ids.astype(np.int64))

    @cached_property
    def _sorted_ids(self) -> Ints:
        return np.array(self.account_ids, dtype=np.int64)

    @property
    def _since(self) -> datetime:
        return self.first - timedelta(days=DAYS + 1)

    # --- Accounts ---------------------------------------------------------------------------------------------------

    def seats(self, as_of: datetime) -> Floats:
        """Return seats bought: those of the running subscriptions, else the account's own number; 0 when unknown."""
        day, rows = as_of.date().toordinal(), self._subscriptions
        runs = (rows[:, 2] <= day) & ~(rows[:, 3] <= day)
        bought = np.bincount(self._places(rows[runs, 0]), weights=rows[runs, 1], minlength=len(self))
        own = np.array([float(account.seats) for account in self.accounts])
        return np.where(bought > 0, bought, own)

    @cached_property
    def _subscriptions(self) -> Floats:
        """Account, seats, first day and day after the last one (NaN: runs on)."""
        rows = Subscription.objects.filter(account_id__in=self._among).order_by("pk")
        return columns(rows.values_list("account_id", "seats", "starts_on", "ended_on"), "nndd")

    def days_to_renewal(self, as_of: datetime) -> Floats:
        """Return days to the next anniversary of the renewal date; NaN without one.

        Stepping by whole years keeps a date that moved when the contract was renewed from telling the past about it.
        """
        day = as_of.date()
        ahead: dict[date | None, float] = {None: np.nan}
        for due in {one.renewal_on for one in self.accounts}:
            if due is not None:
                ahead[due] = _days_to_anniversary(due, day)
        return np.array([ahead[one.renewal_on] for one in self.accounts])

    def tenure_days(self, as_of: datetime) -> Floats:
        """Return days since the start of the relation; NaN when unknown."""
        day = as_of.date()
        return np.array(
            [
                np.nan if account.customer_since is None else (day - account.customer_since).days
                for account in self.accounts
            ],
            dtype=float,
        )

    def segment(self, account: Account, as_of: datetime) -> str:
        """Return the account's peer group: its tier, and whether it is in its first year."""
        return segment_name(account.tier, account.customer_since, as_of.date())

    def segments(self, as_of: datetime) -> tuple[list[str], Ints]:
        """Return the peer groups that occur, and for each account the place of its own in that list."""
        day = as_of.date()
        names = [segment_name(account.tier, account.customer_since, day) for account in self.accounts]
        known = {name: place for place, name in enumerate(sorted(set(names)))}
        return list(known), np.array([known[name] for name in names], dtype=np.int64)

    # --- Usage ------------------------------------------------------------------------------------------------------

    def usage(self, as_of: datetime) -> UsageView:
        """Return the daily usage known at ``as_of``, of the 27 weeks of complete days before it."""
        return self._view(as_of)

    def _usage_view(self, as_of: datetime) -> UsageView:
        if self._at_once and as_of == self.first:
            return self._usage_at_once(as_of)
        users, events, recorded, first_seen = self._usage
        end = (as_of.date() - self._since.date()).days
        window = slice(end - DAYS, end)
        now = as_of.timestamp()
        known = recorded[:, window] <= now
        seen_users = np.where(known, users[:, window], np.nan)
        seen_events = np.where(known, events[:, window], np.nan)
        for revision in self._revisions:
            column = (revision.day - self._since.date()).days - (end - DAYS)
            if 0 <= column < DAYS and revision.recorded_at <= as_of < revision.superseded_at:
                row = self.rows[revision.account_id]
                seen_users[row, column], seen_events[row, column] = revision.users, revision.events
        earlier = (recorded[:, : window.start] <= now).any(axis=1)
        return _begun(seen_users, seen_events, earlier | (first_seen <= now))

    def _usage_at_once(self, as_of: datetime) -> UsageView:
        """The same of the one moment: the database gives what was known, revisions what has been changed since."""
        end = as_of.date()
        start = end - timedelta(days=DAYS)
        users, events = usage_before(self.account_ids, start, end, as_of)
        for revision in self._revisions:
            if start <= revision.day and revision.recorded_at <= as_of < revision.superseded_at:
                place = self.rows[revision.account_id], (revision.day - start).days
                users[place], events[place] = revision.users, revision.events
        return _begun(users, events, used_before(self.account_ids, start, as_of))

    @cached_property
    def _usage(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Users, events and recording time per account and day, and when the use before all that was first recorded."""
        start, end = self._since.date(), self.last.date()
        days = (end - start).days
        users, events = np.zeros((len(self), days)), np.zeros((len(self), days))
        recorded = np.full((len(self), days), NEVER)
        totals = UsageDaily.objects.filter(account_id__in=self._among, feature="")
        rows = totals.filter(day__gte=start, day__lt=end).values_list(
            "account_id", "day", "users", "events", "recorded_at"
        )
        first = start.toordinal()
        for account_id, day, people, count, moment in rows.iterator(chunk_size=5000):
            place = self.rows[account_id], day.toordinal() - first
            users[place], events[place], recorded[place] = people, count, moment.timestamp()
        earlier = np.full(len(self), NEVER)
        oldest = (
            totals.filter(day__lt=start).order_by().values_list("account_id").annotate(at=Min("recorded_at"))
        )
        for account_id, moment in oldest:
            earlier[self.rows[account_id]] = moment.timestamp()
        return users, events, recorded, earlier

    @cached_property
    def _revisions(self) -> list[UsageDailyRevision]:
        return list(
            UsageDailyRevision.objects.filter(
                account_id__in=self._among,
                feature="",
                day__gte=self._since.date(),
                day__lt=self.last.date(),
                recorded_at__lte=self.last,
                superseded_at__gt=self.first,
            )
        )

    def features_used(self, as_of: datetime, *, days: int = 28, known_at: datetime | None = None) -> Floats:
        """Return the number of different features used in the ``days`` before; NaN where nothing was used yet.

        ``known_at``, when later, looks back at a former moment with what is known now.
        """
        ever = ~np.isnan(self.usage(known_at or as_of).users[:, -1])
        if self._at_once and (known_at or as_of) == self.first:
            return np.where(ever, self._features_at_once(as_of, days), np.nan)
        rows = self._features
        end = as_of.date().toordinal()
        part = slice(np.searchsorted(rows.day, end - days), np.searchsorted(rows.day, end))
        known = rows.recorded[part] <= (known_at or as_of).timestamp()
        width = int(rows.feature.max()) + 1 if len(rows.feature) else 1
        pairs = np.unique(rows.row[part][known] * width + rows.feature[part][known])
        counts = np.bincount(pairs // width, minlength=len(self)).astype(float)
        return np.where(ever, counts, np.nan)

    def _features_at_once(self, as_of: datetime, days: int) -> Floats:
        """Count features by the bits of their days."""
        rows, masks = self._feature_days
        back = (self.first.date() - as_of.date()).days
        window = np.uint64(((1 << days) - 1) << back)
        return np.bincount(rows[(masks & window) > 0], minlength=len(self)).astype(float)

    @cached_property
    def _feature_days(self) -> tuple[Ints, npt.NDArray[np.uint64]]:
        return feature_days(self.account_ids, self.first.date(), self.first)

    @cached_property
    def _features(self) -> FeatureRows:
        start = self.first.date() - timedelta(days=64)
        rows = (
            UsageDaily.objects.filter(account_id__in=self._among, day__gte=start, day__lt=self.last.date())
            .exclude(feature="")
            .values_list("account_id", "feature", "day", "recorded_at")
        )
        codes: dict[str, int] = {}
        table = [
            (
                self.rows[account_id],
                codes.setdefault(feature, len(codes)),
                day.toordinal(),
                moment.timestamp(),
            )
            for account_id, feature, day, moment in rows.iterator(chunk_size=5000)
        ]
        columns = np.array(sorted(table, key=lambda entry: entry[2]), dtype=float).reshape(-1, 4)
        return FeatureRows(
            columns[:, 0].astype(np.int64),
            columns[:, 1].astype(np.int64),
            columns[:, 2].astype(np.int64),
            columns[:, 3],
        )

    # --- Tickets and messages ---------------------------------------------------------------------------------------

    @cached_property
    def tickets(self) -> TicketRows:
        """Return every ticket that was created or open since the window's start."""
        lasting = Q(created_at__gte=self._since) | Q(resolved_at=None) | Q(resolved_at__gte=self._since)
        rows = (
            Ticket.objects.filter(lasting, account_id__in=self._among, created_at__lte=self.last)
            .order_by("pk")
            .values_list(
                "account_id", "created_at", "resolved_at", "closed_at", "priority_rank",
                "first_response_breached_at", "resolution_breached_at",
            )
        )  # fmt: skip
        table = columns(rows, "ntttntt")
        never = np.where(np.isnan(table), NEVER, table)
        return TicketRows(
            self._places(table[:, 0]),
            table[:, 1],
            np.minimum(never[:, 2], never[:, 3]),
            table[:, 4].astype(np.int64),
            np.minimum(never[:, 5], never[:, 6]),
        )

    @cached_property
    def messages(self) -> MessageRows:
        """Return inbound messages and answers since the window's start; automatic mail and notes are left out."""
        rows = (
            Message.objects.filter(
                ticket__account_id__in=self._among,
                created_at__gte=self._since,
                created_at__lte=self.last,
                is_automatic=False,
            )
            .exclude(kind=Message.Kind.NOTE)
            .order_by("pk")
            .values_list(
                "ticket__account_id", "created_at", "recorded_at",
                Case(When(kind=Message.Kind.INBOUND, then=1), default=0),
                Case(When(author__role=Role.CSM, then=1), default=0),
                "contact_id", "sentiment_score", "sentiment_probability",
            )
        )  # fmt: skip
        table = columns(rows, "nttnnnnn")
        return MessageRows(
            self._places(table[:, 0]), np.maximum(table[:, 1], table[:, 2]), table[:, 3] > 0, table[:, 4] > 0,
            np.nan_to_num(table[:, 5]).astype(np.int64), table[:, 6], np.nan_to_num(table[:, 7]),
        )  # fmt: skip

    def said(self, kind: str, as_of: datetime) -> Ints:
        """Return per account how often conversations said this at a moment: talk of leaving and promises that were not kept
        within 30 days, reports of bugs on tickets that were not solved; nothing that had been dismissed by then."""
        rows, now = self._said, as_of.timestamp()
        chosen = (
            (rows.kind == SAID.index(ConversationSignal.Kind(kind)))
            & (rows.since <= now)
            & (rows.until > now)
        )
        return np.bincount(rows.row[chosen], minlength=len(self))

    @cached_property
    def _said(self) -> SaidRows:
        states = ConversationSignal.State
        was_broken = Q(state=states.BROKEN) | Q(state=states.KEPT, decided_at__gt=F("due_at"))
        rows = (
            ConversationSignal.objects.filter(
                ~Q(kind="promise") | was_broken,
                kind__in=SAID,
                message__ticket__account_id__in=self._among,
                said_at__gte=self._since,
                said_at__lte=self.last,
            )
            .order_by("pk")
            .values_list(
                "message__ticket__account_id", "kind", "said_at", "recorded_at", "due_at", "state", "decided_at",
                "message__ticket__resolved_at",
            )
        )  # fmt: skip
        table = []
        for account_id, kind, said_at, recorded_at, due_at, state, decided_at, resolved_at in rows:
            since = max(_stamp(due_at or said_at), _stamp(recorded_at))
            ends = (
                _stamp(resolved_at) if kind == "bug" else _stamp(due_at or said_at) + SAID_DAYS * DAY_SECONDS
            )
            dismissed = _stamp(decided_at) if state == states.DISMISSED else NEVER
            table.append((self.rows[account_id], SAID.index(kind), since, min(ends, dismissed)))
        columns = np.array(table, dtype=float).reshape(-1, 4)
        return SaidRows(
            columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64), columns[:, 2], columns[:, 3]
        )

    def ratings(self, as_of: datetime, *, days: int) -> RatingRows:
        """Return the last known answer to each question that was answered in the ``days`` before."""
        rows, now = self._ratings, as_of.timestamp()
        window = slice(
            np.searchsorted(rows.known, now - days * DAY_SECONDS, side="right"),
            np.searchsorted(rows.known, now, side="right"),
        )
        # The first of each in reversed order is the last one.
        _surveys, places = np.unique(rows.survey[window][::-1], return_index=True)
        chosen = np.sort(window.stop - 1 - places)
        return RatingRows(
            rows.row[chosen],
            rows.known[chosen],
            rows.survey[chosen],
            rows.score[chosen],
            rows.contact[chosen],
        )

    @cached_property
    def _ratings(self) -> RatingRows:
        """Read from the events, which keep what a changed answer was before."""
        events = Event.objects.filter(
            verb=TICKET_RATED.verb, account_id__in=self._among, occurred_at__gte=self._since
        ).values_list(
            "account_id", "ticket_id", "occurred_at", "recorded_at", "actor_kind", "actor_id", "detail__data"
        )
        table = [
            (self.rows[account_id or 0], max(happened.timestamp(), recorded.timestamp()),
             # Without a survey the ticket stands for it.
             data.get("survey") or -(ticket_id or 0), data["score"],
             actor_id if actor_kind == "contact" and actor_id else 0)
            for account_id, ticket_id, happened, recorded, actor_kind, actor_id, data in events
            if data and data.get("score")
        ]  # fmt: skip
        columns = np.array(sorted(table, key=lambda entry: entry[1]), dtype=float).reshape(-1, 5)
        return RatingRows(
            columns[:, 0].astype(np.int64),
            columns[:, 1],
            columns[:, 2].astype(np.int64),
            columns[:, 3].astype(np.int64),
            columns[:, 4].astype(np.int64),
        )

    # --- People, contracts, touches -----------------------------------------------------------------------------------

    @cached_property
    def _people(self) -> list[Person]:
        rows = Contact.objects.filter(account_id__in=self._among, merged_into=None, role__in=ROLES)
        return [
            Person(contact.pk, self.rows[contact.account_id or 0], contact.role, _stamp(contact.left_at),
                   contact.created_at.timestamp())
            for contact in rows.order_by("pk")
        ]  # fmt: skip

    def people(self, as_of: datetime) -> list[tuple[Person, float, float]]:
        """Return (person, last heard, mean sentiment) of the people of ``people_known``."""
        known = self.people_known(as_of)
        by_id = {person.id: person for person in self._people}
        return [
            (by_id[pk], heard, mood)
            for pk, heard, mood in zip(
                known.id.tolist(), known.heard.tolist(), known.mood.tolist(), strict=True
            )
        ]

    def people_known(self, as_of: datetime) -> People:
        """Return the people with a role who were known and had not left: known from the first message or from being entered.

        The mood is the mean sentiment of what they wrote, decayed as the signal's.
        """
        return self._people_view(as_of)

    def _view_people(self, as_of: datetime) -> People:
        now, rows, table = as_of.timestamp(), self.messages, self._people_columns
        ids = table[:, 0].astype(np.int64)
        heard = np.full(len(ids), -NEVER)
        pulls, sums = np.zeros(len(ids)), np.zeros(len(ids))
        chosen = rows.inbound & (rows.known <= now) & np.isin(rows.contact, ids)
        place = np.searchsorted(ids, rows.contact[chosen])
        np.maximum.at(heard, place, rows.known[chosen])
        score = rows.score[chosen]
        weight = rows.confidence[chosen] * np.exp2(
            -np.maximum(now - rows.known[chosen], 0) / DAY_SECONDS / 21
        )
        scored = ~np.isnan(score)
        np.add.at(pulls, place[scored], weight[scored])
        np.add.at(sums, place[scored], (weight * score)[scored])
        mood = np.divide(sums, pulls, out=np.full(len(ids), np.nan), where=pulls > 0)
        there = (table[:, 3] > now) & ((table[:, 4] <= now) | (heard > -NEVER))
        return People(
            ids[there], table[there, 1].astype(np.int64), table[there, 2].astype(np.int64), heard[there], mood[there]
        )  # fmt: skip

    @cached_property
    def _people_columns(self) -> Floats:
        """Id, row, role, left and created of everybody with a role, by id."""
        table = [
            (person.id, person.row, ROLES.index(person.role), person.left, person.created)
            for person in self._people
        ]
        return np.array(table, dtype=float).reshape(-1, 5)

    def departed(self, as_of: datetime, *, days: int) -> list[Person]:
        """Return people with a role who had left at least ``days`` before."""
        return [person for person in self._people if person.left <= as_of.timestamp() - days * DAY_SECONDS]

    def last_touch(self, as_of: datetime) -> Floats:
        """Return when a CSM was last in touch (a logged touch, or an answer written by a CSM); ``-inf`` for never."""
        now = as_of.timestamp()
        last = np.full(len(self), -NEVER)
        touched, happened, known = self._touches
        np.maximum.at(last, touched[known <= now], happened[known <= now])
        rows = self.messages
        chosen = rows.by_csm & ~rows.inbound & (rows.known <= now)
        np.maximum.at(last, rows.row[chosen], rows.known[chosen])
        return last

    @cached_property
    def _touches(self) -> tuple[Ints, Floats, Floats]:
        """Row, moment and when both it had happened and was recorded."""
        rows = Event.objects.filter(
            verb="customers.touch_logged", account_id__in=self._among, occurred_at__gte=self._since
        ).values_list("account_id", "occurred_at", "recorded_at")
        table = columns(rows, "ntt")
        return self._places(table[:, 0]), table[:, 1], np.maximum(table[:, 1], table[:, 2])

    @cached_property
    def revenue(self) -> list[RevenueMovement]:
        """Return the ledger of the accounts in order of effect."""
        rows = RevenueMovement.objects.with_ends().filter(account_id__in=self._among)
        return list(rows.order_by("effective_on", "pk"))

    def notices(self, as_of: datetime) -> dict[int, date]:
        """Return, per account id, the day of a churn notice (else of the churn) that was known, unless one came back."""
        day = as_of.date()
        found: dict[int, date] = {}
        for movement in self._comings_and_goings:
            said = movement.notice_on or movement.effective_on
            if said > day or not movement.holds_at(as_of):
                continue
            if movement.kind == RevenueMovement.Kind.CHURN:
                found[movement.account_id] = said
            else:
                found.pop(movement.account_id, None)
        return found

    @cached_property
    def _comings_and_goings(self) -> list[RevenueMovement]:
        kinds = (RevenueMovement.Kind.CHURN, RevenueMovement.Kind.REACTIVATION)
        rows = RevenueMovement.objects.with_ends().filter(account_id__in=self._among, kind__in=kinds)
        return list(rows.order_by("effective_on", "pk"))

    def alive(self, as_of: datetime) -> list[int]:
        """Return the ids of accounts that were customers: begun, and not yet churned."""
        day = as_of.date()
        return [
            account.pk
            for account in self.accounts
            if (account.customer_since is None or account.customer_since <= day)
            and (account.churned_on is None or account.churned_on > day)
        ]


def _begun(users: Floats, events: Floats, before: npt.NDArray[np.bool_]) -> UsageView:
    """Return the view of days with NaN where there is no row: 0 from the first use on, ``before`` says whose lies before."""
    started = before[:, None] | np.maximum.accumulate(~np.isnan(users), axis=1)
    return UsageView(
        users=np.where(started, np.nan_to_num(users), np.nan),
        events=np.where(started, np.nan_to_num(events), np.nan),
    )


def segment_name(tier: str, since: date | None, day: date) -> str:
    """Return the name of a peer group: the tier, and whether the first year is over."""
    young = since is None or (day - since).days < 365
    return f"{tier}:{'new' if young else 'grown'}"


def _days_to_anniversary(renewal: date, day: date) -> int:
    """Return days from ``day`` to the first yearly anniversary of ``renewal`` on or after it (29 February: the 28th)."""
    for year in (day.year, day.year + 1):
        try:
            due = renewal.replace(year=year)
        except ValueError:
            due = renewal.replace(year=year, day=28)
        if due >= day:
            return (due - day).days
    raise AssertionError("the next year holds an anniversary")
