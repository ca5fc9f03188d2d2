"""Reads of tickets: the inbox's views with their counts, lists by keyset, one ticket, what stands beside it.

The conversation of a ticket is read by ``tickets.conversation``, routing and SLA facts by ``tickets.ticket_facts``, the
recipients of the next answer by ``tickets.recipients``.
"""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, F, Max, OuterRef, Prefetch, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.models import User
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.category_tree import with_kinds
from tickets.conditions import as_q, check_condition, check_permitted
from tickets.families import family_of
from tickets.list_rows import TicketRow, row_of, with_draft_marks, with_row_columns
from tickets.list_views import DEFAULT_VIEW, ListView, view_of, views_of
from tickets.models import (
    Attachment,
    FieldValue,
    Follower,
    Inbox,
    Message,
    Ticket,
    TicketTag,
    ViewCount,
)
from tickets.services.assign_ticket import WORKING_ROLES, open_tickets_of

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
# Counters that nobody has brought up to date for so long are shown with their age.
LATE = timedelta(seconds=90)


@dataclass(frozen=True)
class Order:
    """An order of lists: columns of the row with their directions; the primary key breaks ties in the last one's.

    ``nullable`` says that the first column may be empty; empty ones come last.
    """

    label: str | Promise
    columns: tuple[tuple[str, bool], ...]
    nullable: bool = False
    permission: str = ""

    @property
    def descending(self) -> bool:
        """The direction of the last column."""
        return self.columns[-1][1]


ORDERS: dict[str, Order] = {
    "sla": Order(_("Next deadline"), (("due_order", False),)),
    "newest": Order(_("Newest message"), (("last_message_at", True),)),
    "age": Order(_("Oldest"), (("created_at", False),)),
    "waiting": Order(_("Longest waiting"), (("waiting_since", False),), nullable=True),
    "value": Order(_("Value at risk"), (("value_at_risk", True),), permission="health.view"),
    "risk": Order(_("Risk of a missed deadline"), (("breach_probability", True),)),
    "priority": Order(_("Priority"), (("priority_rank", True), ("due_order", False))),
}
SORTS: dict[str, str | Promise] = {key: order.label for key, order in ORDERS.items()}


class CursorError(ValueError):
    """The cursor of a page is none of ours."""


@dataclass(frozen=True)
class InboxView:
    """A view with its count, None while it is being counted for the first time. ``key`` goes into the URL; ``urgent`` views
    count in red. ``group`` is "", "team", or the scope of a saved view. ``counted_at`` is set when the counters lag."""

    key: str
    label: str | Promise
    icon: str
    count: int | None = 0
    urgent: bool = False
    group: str = ""
    sort: str = "sla"
    counted_at: datetime | None = None

    @property
    def is_team(self) -> bool:
        """Whether it holds the work of a team."""
        return self.group == "team"


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


def _condition(view: str | ListView, viewer: Viewer, now: datetime) -> Q:
    """The rule of a view; raises LookupError for an unknown key."""
    found = view if isinstance(view, ListView) else view_of(viewer, view)
    check_permitted(found.condition, viewer)
    return as_q(found.condition, me=viewer.user_id, now=now)


def inbox_views(viewer: Viewer) -> list[InboxView]:
    """Return the views a viewer has, with their counters: three queries in all, and none that counts."""
    return counted_views(viewer, views_of(viewer))


def counted_views(viewer: Viewer, views: Sequence[ListView]) -> list[InboxView]:
    """Return these views with their counters as a viewer sees them. One query."""
    counts, counted_at = _counts(viewer)
    late = counted_at if counted_at is not None and timezone.now() - counted_at > LATE else None
    return [
        InboxView(
            view.key,
            view.label,
            view.icon,
            counts.get(view.count_key, 0) if view.count_key else None,
            urgent=view.urgent,
            group=view.group,
            sort=view.sort,
            counted_at=late,
        )
        for view in views
    ]


def _counts(viewer: Viewer, key: str = "") -> tuple[dict[str, int], datetime | None]:
    """The counters by view as a viewer sees them, of one view or of all, and when they were last brought up to date."""
    rows = ViewCount.objects.filter(_audience(viewer), person__in=[0, viewer.user_id or 0])
    if key:
        rows = rows.filter(view=key)
    counts: dict[str, int] = {}
    counted_at = None
    for row in rows.values("view").annotate(number=Sum("count"), at=Max("counted_at")).order_by():
        counts[row["view"]] = row["number"]
        counted_at = row["at"] or counted_at
    return counts, counted_at


def _audience(viewer: Viewer) -> Q:
    """The parts of the counters that are of tickets the viewer may see; the counterpart of ``visible_to``."""
    if not viewer.can("tickets.view"):
        return Q(pk__in=[])
    if viewer.can("tickets.all_teams"):
        return Q()
    seen = Q(team=0) | Q(team__in=viewer.team_ids)
    return seen if viewer.user_id is None else seen | Q(assignee=viewer.user_id)


def visible_tickets(viewer: Viewer) -> QuerySet[Ticket]:
    """Return the tickets a viewer may see."""
    return Ticket.objects.visible_to(viewer)


# The tags of tickets with their names, and what their custom fields hold, in one query each.
TAGS = Prefetch("ticket_tags", TicketTag.objects.select_related("tag").order_by("tag__name"))
FIELD_VALUES = Prefetch("field_values", FieldValue.objects.select_related("field"))


def with_properties(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Load type, tags and custom fields, in two queries more."""
    return tickets.select_related("type").prefetch_related(TAGS, FIELD_VALUES)


def without_files(message: Message) -> None:
    """Note that a message that was made just now has no files, so that nobody asks the database."""
    message._prefetched_objects_cache = {"attachments": Attachment.objects.none()}  # type: ignore[attr-defined]


def without_properties(ticket: Ticket) -> None:
    """Note that a ticket that was made just now has neither tags nor custom fields, so that nobody asks the database."""
    ticket._prefetched_objects_cache = {  # type: ignore[attr-defined]
        "ticket_tags": TicketTag.objects.none(),
        "field_values": FieldValue.objects.none(),
    }


def with_row_parts(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Load what the page, a table or the REST form of a ticket shows, in constant queries."""
    return tickets.select_related(
        "status", "account", "contact", "category", "team", "assignee", "inbox"
    ).prefetch_related("contact__identities")


def ticket_list(
    viewer: Viewer,
    *,
    view: str | ListView = DEFAULT_VIEW,
    sort: str = "sla",
    cursor: str = "",
    limit: int = PAGE_SIZE,
    filters: Mapping[str, str] | None = None,
) -> TicketPage:
    """Return one page of a view.

    ``filters`` are further conditions by the names of ``FILTERS``; unknown names and values raise ValidationError. ``cursor``
    is the ``next_cursor`` of the page before. Raises LookupError for an unknown view or sort, CursorError.
    """
    tickets, next_cursor = ticket_page(
        viewer, view=view, sort=sort, cursor=cursor, limit=limit, filters=filters,
        load=lambda tickets: with_draft_marks(with_row_columns(tickets), viewer),
    )  # fmt: skip
    return TicketPage(tuple(row_of(ticket) for ticket in tickets), next_cursor)


def ticket_page(
    viewer: Viewer,
    *,
    view: str | ListView,
    sort: str,
    load: Callable[[QuerySet[Ticket]], QuerySet[Ticket]],
    cursor: str = "",
    limit: int = PAGE_SIZE,
    filters: Mapping[str, str] | None = None,
) -> tuple[list[Ticket], str]:
    """Return the tickets of one page of a view, loaded by ``load``, and the cursor of the next one.

    Raises what ``ticket_list`` raises.
    """
    order = _order(sort, viewer)
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    tickets = _sorted(load(tickets_in_view(viewer, view=view, filters=filters)), order)
    if cursor:
        tickets = tickets.filter(_beyond(cursor, order))
    found = list(tickets[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return found, _cursor(found[-1], order) if more else ""


def tickets_in_view(
    viewer: Viewer, *, view: str | ListView, filters: Mapping[str, str] | None = None
) -> QuerySet[Ticket]:
    """Return the visible tickets of a view, unordered. Raises what ``ticket_list`` raises."""
    tickets = visible_tickets(viewer).filter(_condition(view, viewer, timezone.now()))
    return filter_tickets(tickets, filters or {}, viewer)


def list_row(viewer: Viewer, ticket_id: int) -> TicketRow:
    """Return the row of one visible ticket, for a live update; raises Ticket.DoesNotExist."""
    return row_of(with_draft_marks(with_row_columns(visible_tickets(viewer)), viewer).get(pk=ticket_id))


def rows_of(viewer: Viewer, ticket_ids: Collection[int]) -> list[TicketRow]:
    """Return the rows of those of ``ticket_ids`` that the viewer may see, for live updates of rows on display."""
    tickets = with_draft_marks(with_row_columns(visible_tickets(viewer)), viewer)
    return [row_of(ticket) for ticket in tickets.filter(pk__in=ticket_ids)]


def ids_in_view(
    viewer: Viewer,
    ticket_ids: Collection[int],
    *,
    view: str | ListView,
    sort: str = "sla",
    before: str = "",
    filters: Mapping[str, str] | None = None,
) -> list[int]:
    """Return those of ``ticket_ids`` that are in a view, in its order. One query.

    With ``before``, the ``next_cursor`` of the last page on display, only those that belong above its end. Raises what
    ``ticket_list`` raises.
    """
    order = _order(sort, viewer)
    tickets = _sorted(tickets_in_view(viewer, view=view, filters=filters).filter(pk__in=ticket_ids), order)
    if before:
        tickets = tickets.exclude(pk__in=Ticket.objects.filter(_beyond(before, order), pk__in=ticket_ids))
    return list(tickets.values_list("pk", flat=True))


def count_of_view(viewer: Viewer, view: str) -> int:
    """Return how many tickets a view holds, from its counters; raises LookupError for an unknown one. One query."""
    key = view_of(viewer, view).count_key
    return _counts(viewer, key)[0].get(key, 0) if key else 0


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
    "category": lambda value: (
        Q(category=None) if value == "none" else Q(category_id__in=with_kinds(_number(value)))
    ),
    "account": lambda value: Q(account_id=_number(value)),
    "contact": lambda value: Q(contact_id=_number(value)),
    "inbox": lambda value: Q(inbox_id=_number(value)),
    "type": lambda value: Q(type=None) if value == "none" else Q(type_id=_number(value)),
    "tag": lambda value: Q(Exists(TicketTag.objects.filter(ticket=OuterRef("pk"), tag__name=value.lower()))),
    "updated_since": lambda value: Q(updated_at__gte=_moment(value)),
    "created_since": lambda value: Q(created_at__gte=_moment(value)),
    "number": lambda value: Q(number=_number(value)),
}


# The filter that holds a whole condition as JSON (see ``tickets.conditions``).
WHERE = "where"


def filter_tickets(tickets: QuerySet[Ticket], filters: Mapping[str, str], viewer: Viewer) -> QuerySet[Ticket]:
    """Narrow a list by filters of ``FILTERS`` and the condition in ``where``; ``viewer`` is who "me" is.

    Raises ValidationError naming what is unknown, malformed or nothing that the viewer may ask about.
    """
    refused: dict[str, Any] = {}
    for name, value in filters.items():
        try:
            if "\x00" in value:
                raise ValueError("PostgreSQL knows no text with NUL")
            tickets = tickets.filter(_filter(name, value, viewer))
        except ValidationError as error:
            refused[name] = error.messages
        except LookupError:
            refused[name] = gettext("There is no such filter.")
        except ValueError:
            refused[name] = gettext("This value cannot be used.")
    if refused:
        raise ValidationError(refused)
    return tickets


def _filter(name: str, value: str, viewer: Viewer) -> Q:
    if name == WHERE:
        asked = read_where(value)
        check_permitted(asked, viewer)
        return as_q(asked, me=viewer.user_id, now=timezone.now())
    clause: Q = FILTERS[name](value)
    return clause


def read_where(value: str) -> dict[str, Any]:
    """Return the condition that a query string carries; raises ValidationError."""
    try:
        sent = json.loads(value) if value.strip() else {}
    except (ValueError, RecursionError):
        raise ValidationError(gettext("This condition cannot be read.")) from None
    return check_condition(sent)


def _order(sort: str, viewer: Viewer) -> Order:
    if sort not in ORDERS:
        raise LookupError(f"no order {sort!r}")
    check_sort(sort, viewer)
    return ORDERS[sort]


def check_sort(sort: str, viewer: Viewer) -> None:
    """Raise ValidationError for an order by what the viewer may not read."""
    permission = ORDERS[sort].permission if sort in ORDERS else ""
    if permission and not viewer.can(permission):
        raise ValidationError(
            {
                "sort": gettext("The order “%(sort)s” needs the permission “%(permission)s”.")
                % {"sort": sort, "permission": permission}
            }
        )


def sort_for(view: ListView, viewer: Viewer) -> str:
    """Return the order that a view has for a viewer: its own, else the usual one where they may not read what it goes by."""
    permission = ORDERS[view.sort].permission if view.sort in ORDERS else ""
    return view.sort if not permission or viewer.can(permission) else "sla"


def _sorted(tickets: QuerySet[Ticket], order: Order) -> QuerySet[Ticket]:
    """Order a list by columns of the row alone, so that an index can hand the rows out in their order."""
    keys = [F(name).desc() if descending else F(name).asc() for name, descending in order.columns]
    if order.nullable:
        name, descending = order.columns[0]
        keys[0] = F(name).desc(nulls_last=True) if descending else F(name).asc(nulls_last=True)
    return tickets.order_by(*keys, "-pk" if order.descending else "pk")


def _cursor(ticket: Ticket, order: Order) -> str:
    values = [getattr(ticket, name) for name, _descending in order.columns]
    place = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([*place, ticket.pk]).encode()).decode().rstrip("=")


def _place(cursor: str, order: Order) -> list[Any]:
    """The values of a cursor; raises CursorError."""
    try:
        *place, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if len(place) != len(order.columns) or (None in place and not order.nullable):
            raise ValueError("made for another order")
        values = [
            _moment(one) if isinstance(one, str) else None if one is None else float(one) for one in place
        ]
        return [*values, int(pk)]
    except (binascii.Error, ValueError, TypeError) as error:
        raise CursorError("this cursor is not valid") from error


def _beyond(cursor: str, order: Order) -> Q:
    """What comes after a cursor; raises CursorError."""
    place = _place(cursor, order)
    names = [*order.columns, ("pk", order.descending)]
    same, after = Q(), Q(pk__in=[])
    for (name, descending), value in zip(names, place, strict=True):
        if value is None:
            same &= Q(**{f"{name}__isnull": True})
            continue
        further = Q(**{f"{name}__{'lt' if descending else 'gt'}": value})
        if order.nullable and name == order.columns[0][0]:
            further |= Q(**{f"{name}__isnull": True})
        after |= same & further
        same &= Q(**{name: value})
    if order.nullable:
        return after
    # said aloud, so that an index starts there
    name, descending = order.columns[0]
    return Q(**{f"{name}__{'lte' if descending else 'gte'}": place[0]}) & after


def ticket_of(viewer: Viewer, ticket_id: int) -> Ticket:
    """Return one visible ticket with everything its page shows; raises Ticket.DoesNotExist."""
    return (
        with_row_parts(visible_tickets(viewer))
        .select_related("account__csm", "follow_up_of", "merged_into", "type")
        .prefetch_related(TAGS)
        .get(pk=ticket_id)
    )


def next_in_list(
    viewer: Viewer,
    *,
    ticket: Ticket,
    view: str | ListView,
    sort: str = "sla",
    filters: Mapping[str, str] | None = None,
) -> int | None:
    """Return the id of the ticket that comes after this one in a filtered view, for "and next"; None at the end.

    Raises what ``ticket_list`` raises.
    """
    order = _order(sort, viewer)
    row = visible_tickets(viewer).filter(pk=ticket.pk).first()
    if row is None:
        return None
    ordered = _sorted(tickets_in_view(viewer, view=view, filters=filters), order)
    following = ordered.filter(_beyond(_cursor(row, order), order))
    return following.values_list("pk", flat=True).first()


def other_tickets(viewer: Viewer, ticket: Ticket, *, limit: int = 5) -> list[TicketRow]:
    """Return the newest other tickets of the same account, or of the same contact when there is no account."""
    same = Q(account_id=ticket.account_id) if ticket.account_id else Q(contact_id=ticket.contact_id)
    others = visible_tickets(viewer).filter(same).exclude(pk=ticket.pk).order_by("-created_at", "-pk")
    return [row_of(other) for other in with_row_columns(others)[:limit]]


def tickets_of_account(viewer: Viewer, account_id: int) -> QuerySet[Ticket]:
    """Return an account's visible tickets, newest first, with what their rows show."""
    return with_row_columns(visible_tickets(viewer).filter(account_id=account_id)).order_by(
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
        .prefetch_related(with_files(), Prefetch("contact__identities"))
        .order_by("created_at", "pk")
    )


def with_files(lookup: str = "attachments") -> "Prefetch[Any]":
    """What loads the files of messages (``lookup`` leads there), each with what the scanner said about it."""
    return Prefetch(lookup, Attachment.objects.with_verdict().order_by("pk"))


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
