"""Reads of tickets: the inbox's views with their counts, lists by keyset, one ticket, what stands beside it.

The conversation of a ticket is read by ``tickets.conversation``, routing and SLA facts by ``tickets.ticket_facts``, the
recipients of the next answer by ``tickets.recipients``.
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, F, FloatField, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.models import Team, User
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.families import family_of
from tickets.models import Follower, Inbox, Message, Status, Ticket
from tickets.services.assign_ticket import WORKING_ROLES, open_tickets_of
from tickets.ticket_facts import SlaFacts, sla_of

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
SOON = timedelta(hours=1)
_FAR = datetime(9999, 12, 31, tzinfo=UTC)

SORTS: dict[str, str | Promise] = {
    "sla": _("Next deadline"),
    "newest": _("Newest message"),
    "value": _("Value at risk"),
}


class CursorError(ValueError):
    """The cursor of a page is none of ours."""


@dataclass(frozen=True)
class InboxView:
    """A built-in view with its count. ``key`` goes into the URL; ``urgent`` views count in red."""

    key: str
    label: str | Promise
    icon: str
    count: int = 0
    urgent: bool = False
    is_team: bool = False


@dataclass(frozen=True)
class TicketRow:
    """One row of a list, from one query and two prefetches for the whole page. ``at`` is the last message's time."""

    id: int
    number: int
    subject: str
    contact: str
    account: str
    account_id: int | None
    channel: str
    at: datetime
    last_line: str
    from_us: bool
    unread: bool
    status: str
    status_category: str
    priority: str
    category: str
    team: str
    assignee: str
    assignee_id: int | None
    routing_state: str
    sentiment: str
    sla: SlaFacts
    waiting_since: datetime | None
    value_at_risk: float | None
    currency: str
    version: int


@dataclass(frozen=True)
class TicketPage:
    """A page of a list. ``next_cursor`` is empty on the last one."""

    rows: tuple[TicketRow, ...]
    next_cursor: str


@dataclass(frozen=True)
class Assignable:
    """A person a ticket can be given to, with the present load."""

    user: User
    load: int
    in_team: bool


_VIEWS: dict[str, tuple[str | Promise, str]] = {
    "mine": (_("My open"), "user-check"),
    "unassigned": (_("Unassigned"), "user-x"),
    "triage": (_("Unsure routing"), "route"),
    "breaching": (_("Breaching"), "alarm"),
    "waiting": (_("Waiting"), "player-pause"),
    "snoozed": (_("Snoozed"), "alarm-snooze"),
    "open": (_("All open"), "inbox"),
    "resolved": (_("Resolved"), "circle-check"),
}
DEFAULT_VIEW = "mine"


def _condition(key: str, viewer: Viewer, now: datetime) -> Q:
    """The rule of a built-in view; raises LookupError for an unknown key."""
    asked = Q(status_category__in=("new", "open", "on_hold"))
    # What was put aside is not asked for, but a promise in danger is shown all the same.
    ours = asked & Q(snoozed_until=None)
    rules = {
        "mine": ours & Q(assignee_id=viewer.user_id or 0),
        "unassigned": ours & Q(assignee=None),
        "triage": ours & Q(routing_state=Ticket.Routing.TRIAGE),
        "breaching": asked & Q(next_due_at__lt=now + SOON),
        "snoozed": Q(status_category__in=Status.ACTIVE, snoozed_until__isnull=False),
        "waiting": Q(status_category="waiting"),
        "open": Q(status_category__in=Status.ACTIVE),
        "resolved": Q(status_category="resolved"),
    }
    if key.startswith("team-") and key[5:].isdecimal() and len(key) < 24:
        return ours & Q(team_id=int(key[5:]))
    if key not in rules:
        raise LookupError(f"no view {key!r}")
    return rules[key]


def inbox_views(viewer: Viewer) -> list[InboxView]:
    """Return the views a viewer has, with live counts: three queries in all.

    Team views are of the viewer's own teams; who may see all teams gets all active teams.
    """
    teams = Team.objects.filter(is_active=True)
    if not viewer.can("tickets.all_teams"):
        teams = teams.filter(pk__in=viewer.team_ids)
    now = timezone.now()
    team_views = {f"team-{team.pk}": team.name for team in teams}
    keys = [*_VIEWS, *team_views]
    # Closed tickets are in no view and soon the most; by their keys the index leaves them out.
    kept = list(Status.objects.exclude(category=Status.Category.CLOSED).values_list("pk", flat=True))
    counts = (
        visible_tickets(viewer)
        .filter(status_id__in=kept)
        .aggregate(
            **{
                f"n{place}": Count("pk", filter=_condition(key, viewer, now))
                for place, key in enumerate(keys)
            }
        )
    )
    views = [
        InboxView(key, label, icon, counts[f"n{place}"], urgent=key == "breaching")
        for place, (key, (label, icon)) in enumerate(_VIEWS.items())
    ]
    return views + [
        InboxView(key, name, "users", counts[f"n{len(_VIEWS) + place}"], is_team=True)
        for place, (key, name) in enumerate(team_views.items())
    ]


def visible_tickets(viewer: Viewer) -> QuerySet[Ticket]:
    """Return the tickets a viewer may see."""
    return Ticket.objects.visible_to(viewer)


def with_row_parts(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Load what a row or the REST form of a ticket shows, in constant queries."""
    return tickets.select_related(
        "status", "account", "contact", "category", "team", "assignee", "sla_policy", "inbox"
    ).prefetch_related("contact__identities", "sla_policy__targets")


def ticket_list(
    viewer: Viewer,
    *,
    view: str = DEFAULT_VIEW,
    sort: str = "sla",
    cursor: str = "",
    limit: int = PAGE_SIZE,
    filters: Mapping[str, str] | None = None,
) -> TicketPage:
    """Return one page of a view.

    ``filters`` are further conditions by the names of ``FILTERS``; unknown names and values raise ValidationError. ``cursor``
    is the ``next_cursor`` of the page before. Raises LookupError for an unknown view or sort, CursorError.
    """
    tickets = with_row_parts(visible_tickets(viewer).filter(_condition(view, viewer, timezone.now())))
    tickets = filter_tickets(tickets, filters or {})
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    tickets, descending = _sorted(tickets, sort)
    if cursor:
        tickets = _after(tickets, cursor, descending)
    found = list(tickets[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return TicketPage(tuple(row_of(ticket) for ticket in found), _cursor(found[-1]) if more else "")


def list_row(viewer: Viewer, ticket_id: int) -> TicketRow:
    """Return the row of one visible ticket, for a live update; raises Ticket.DoesNotExist."""
    return row_of(with_row_parts(visible_tickets(viewer)).get(pk=ticket_id))


def rows_of(viewer: Viewer, ticket_ids: Collection[int]) -> list[TicketRow]:
    """Return the rows of those of ``ticket_ids`` that the viewer may see, for live updates of rows on display."""
    return [row_of(ticket) for ticket in with_row_parts(visible_tickets(viewer)).filter(pk__in=ticket_ids)]


def ids_in_view(
    viewer: Viewer,
    ticket_ids: Collection[int],
    *,
    view: str,
    sort: str = "sla",
    before: str = "",
    filters: Mapping[str, str] | None = None,
) -> list[int]:
    """Return those of ``ticket_ids`` that are in a view, in its order. One query.

    With ``before``, the ``next_cursor`` of the last page on display, only those that belong above its end. Raises what
    ``ticket_list`` raises.
    """
    tickets = visible_tickets(viewer).filter(_condition(view, viewer, timezone.now()), pk__in=ticket_ids)
    tickets, descending = _sorted(filter_tickets(tickets, filters or {}), sort)
    if before:
        tickets = tickets.exclude(_beyond(before, descending))
    return list(tickets.values_list("pk", flat=True))


def count_of_view(viewer: Viewer, view: str) -> int:
    """Return how many tickets a view holds; raises LookupError for an unknown one."""
    return visible_tickets(viewer).filter(_condition(view, viewer, timezone.now())).count()


def row_of(ticket: Ticket) -> TicketRow:
    """Make a row from a ticket loaded by ``with_row_parts``; no query."""
    account = ticket.account
    at_risk = None if account is None else account.value_at_risk
    return TicketRow(
        id=ticket.pk,
        number=ticket.number,
        subject=ticket.subject,
        contact=str(ticket.contact),
        account=account.name if account else "",
        account_id=ticket.account_id,
        channel=ticket.channel,
        at=ticket.last_message_at,
        last_line=ticket.last_message_preview,
        from_us=not ticket.last_message_inbound,
        unread=ticket.unread,
        status=ticket.status.key,
        status_category=ticket.status.category,
        priority=ticket.priority,
        category=ticket.category.name if ticket.category else "",
        team=ticket.team.name if ticket.team else "",
        assignee=str(ticket.assignee) if ticket.assignee else "",
        assignee_id=ticket.assignee_id,
        routing_state=ticket.routing_state,
        sentiment=ticket.sentiment_label,
        sla=sla_of(ticket),
        waiting_since=ticket.waiting_since,
        value_at_risk=None if at_risk is None else float(at_risk),
        currency=account.currency if account else "",
        version=ticket.version,
    )


def _number(value: str) -> int:
    # A number that no column holds would fail in the database driver.
    if not value.isdecimal() or len(value) > 18:
        raise ValueError(f"{value!r} is no id")
    return int(value)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error


FILTERS: dict[str, Any] = {
    "status": lambda value: Q(status_id=value),
    "status_category": lambda value: Q(status_category=value),
    "priority": lambda value: Q(priority=value),
    "channel": lambda value: Q(channel=value),
    "sentiment": lambda value: Q(sentiment_label=value),
    "routing_state": lambda value: Q(routing_state=value),
    "team": lambda value: Q(team=None) if value == "none" else Q(team_id=_number(value)),
    "assignee": lambda value: Q(assignee=None) if value == "none" else Q(assignee_id=_number(value)),
    "category": lambda value: Q(category=None) if value == "none" else Q(category_id=_number(value)),
    "account": lambda value: Q(account_id=_number(value)),
    "contact": lambda value: Q(contact_id=_number(value)),
    "inbox": lambda value: Q(inbox_id=_number(value)),
    "updated_since": lambda value: Q(updated_at__gte=_moment(value)),
}


def filter_tickets(tickets: QuerySet[Ticket], filters: Mapping[str, str]) -> QuerySet[Ticket]:
    """Narrow a list by filters of ``FILTERS``; raises ValidationError naming what is unknown or malformed."""
    refused: dict[str, str] = {}
    for name, value in filters.items():
        if name not in FILTERS:
            refused[name] = gettext("There is no such filter.")
            continue
        try:
            if "\x00" in value:
                raise ValueError("PostgreSQL knows no text with NUL")
            tickets = tickets.filter(FILTERS[name](value))
        except ValueError:
            refused[name] = gettext("This value cannot be used.")
    if refused:
        raise ValidationError(refused)
    return tickets


def _sorted(tickets: QuerySet[Ticket], sort: str) -> tuple[QuerySet[Ticket], bool]:
    """Order a list; the second value tells whether it descends. Ties are broken by primary key in the same direction."""
    if sort == "sla":
        return tickets.annotate(sort_key=Coalesce("next_due_at", Value(_FAR))).order_by(
            "sort_key", "pk"
        ), False
    if sort == "newest":
        return tickets.annotate(sort_key=F("last_message_at")).order_by("-sort_key", "-pk"), True
    if sort == "value":
        # As a float: SQLite would compare a decimal parameter as text.
        value = Coalesce(Cast("account__value_at_risk", FloatField()), 0.0)
        return tickets.annotate(sort_key=value).order_by("-sort_key", "-pk"), True
    raise LookupError(f"no order {sort!r}")


def _cursor(ticket: Ticket) -> str:
    key = ticket.sort_key  # type: ignore[attr-defined]
    place = [key.isoformat() if isinstance(key, datetime) else key, ticket.pk]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _after(tickets: QuerySet[Ticket], cursor: str, descending: bool) -> QuerySet[Ticket]:
    return tickets.filter(_beyond(cursor, descending))


def _beyond(cursor: str, descending: bool) -> Q:
    """What comes after a cursor; raises CursorError."""
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        key = datetime.fromisoformat(key) if isinstance(key, str) else float(key)
        pk = int(pk)
    except (binascii.Error, ValueError, TypeError) as error:
        raise CursorError("this cursor is not valid") from error
    side = "lt" if descending else "gt"
    return Q(**{f"sort_key__{side}": key}) | Q(sort_key=key, **{f"pk__{side}": pk})


def ticket_of(viewer: Viewer, ticket_id: int) -> Ticket:
    """Return one visible ticket with everything its page shows; raises Ticket.DoesNotExist."""
    return (
        with_row_parts(visible_tickets(viewer))
        .select_related("account__csm", "follow_up_of", "merged_into")
        .get(pk=ticket_id)
    )


def next_in_list(viewer: Viewer, *, ticket: Ticket, view: str, sort: str = "sla") -> int | None:
    """Return the id of the ticket that comes after this one in a view, for "and next"; None at the end."""
    tickets = visible_tickets(viewer).filter(_condition(view, viewer, timezone.now()))
    ordered, descending = _sorted(tickets, sort)
    here, _same = _sorted(visible_tickets(viewer).filter(pk=ticket.pk), sort)
    row = here.first()
    if row is None:
        return None
    following = _after(ordered, _cursor(row), descending).first()
    return None if following is None else following.pk


def other_tickets(viewer: Viewer, ticket: Ticket, *, limit: int = 5) -> list[TicketRow]:
    """Return the newest other tickets of the same account, or of the same contact when there is no account."""
    same = Q(account_id=ticket.account_id) if ticket.account_id else Q(contact_id=ticket.contact_id)
    others = visible_tickets(viewer).filter(same).exclude(pk=ticket.pk).order_by("-created_at", "-pk")
    return [row_of(other) for other in with_row_parts(others)[:limit]]


def tickets_of_account(viewer: Viewer, account_id: int) -> QuerySet[Ticket]:
    """Return an account's visible tickets, newest first, with their row parts."""
    return with_row_parts(visible_tickets(viewer).filter(account_id=account_id)).order_by(
        "-created_at", "-pk"
    )


def assignable_people(ticket: Ticket) -> list[Assignable]:
    """Return who can be given the ticket: its team's members first, then by free capacity. Three queries."""
    users = list(User.objects.filter(is_active=True, role__in=WORKING_ROLES))
    members: set[int] = set()
    if ticket.team is not None:
        members = set(ticket.team.memberships.values_list("user_id", flat=True))
    loads = open_tickets_of([user.pk for user in users])
    people = [Assignable(user, loads.get(user.pk, 0), user.pk in members) for user in users]
    away = User.Availability.AWAY
    return sorted(
        people, key=lambda one: (not one.in_team, one.user.availability == away, one.load - one.user.capacity)
    )


def messages_of(ticket: Ticket, merged: Collection[int] = ()) -> QuerySet[Message]:
    """Return the messages of a ticket that the caller may see, oldest first, with contact, author and attachments.

    ``merged`` are the ids of tickets merged into it whose messages are to stand among them.
    """
    return (
        (
            Message.objects.filter(ticket__in=[ticket.pk, *merged])
            if merged
            else Message.objects.filter(ticket=ticket)
        )
        .select_related("contact", "author")
        .prefetch_related("attachments", Prefetch("contact__identities"))
        .order_by("created_at", "pk")
    )


def active_inboxes(channel: str = "") -> QuerySet[Inbox]:
    """Return the active inboxes, of one channel when it is given."""
    inboxes = Inbox.objects.filter(is_active=True)
    return inboxes.filter(channel=channel) if channel else inboxes


def followers_of(ticket_id: int) -> set[int]:
    """Return the ids of the active people who follow a ticket, or one merged into it, and may see it. Two to five queries."""
    ticket = Ticket.objects.select_related("team").get(pk=ticket_id)
    followers = User.objects.filter(
        pk__in=Follower.objects.filter(ticket_id__in=list(family_of(ticket))).values("user"), is_active=True
    )
    if ticket.team is None or not ticket.team.is_private:
        return {user.pk for user in followers if "tickets.view" in PERMISSIONS[user.role]}
    members = set(ticket.team.memberships.values_list("user_id", flat=True)) | {ticket.assignee_id}
    return {
        user.pk for user in followers if user.pk in members or "tickets.all_teams" in PERMISSIONS[user.role]
    }
