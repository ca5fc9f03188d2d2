"""What list of tickets a page shows: view, order and filters from the query string, and rows as templates draw them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import money
from people.roles import Role
from people.viewer import Viewer
from tickets.list_rows import TicketRow
from tickets.list_views import DEFAULT_VIEW, ListView, view_of, views_of
from tickets.models import Status, Ticket
from tickets.pages.condition_form import sent_condition
from tickets.registry import channel_parts
from tickets.selectors import FILTERS, SORTS, WHERE, InboxView, counted_views

# Views in which every row has the same assignee, or none.
_ONE_ASSIGNEE = frozenset({"mine", "unassigned"})
FILTER_LABELS = {
    "status": gettext_lazy("Status"),
    "priority": gettext_lazy("Priority"),
    "channel": gettext_lazy("Channel"),
    "sentiment": gettext_lazy("Sentiment"),
    "team": gettext_lazy("Team"),
    "assignee": gettext_lazy("Assignee"),
    "category": gettext_lazy("Category"),
    "account": gettext_lazy("Customer"),
    "contact": gettext_lazy("Contact"),
    "inbox": gettext_lazy("Inbox"),
    "type": gettext_lazy("Type"),
    "tag": gettext_lazy("Tag"),
    "status_category": gettext_lazy("Kind of status"),
    "routing_state": gettext_lazy("Routing"),
    WHERE: gettext_lazy("Where"),
}
# A list is a pane of rows beside the conversation, or a table over the whole width.
TABLE = "table"


@dataclass(frozen=True)
class ListState:
    """A list of tickets as its link says: the key of a view, of an order, and filters by name."""

    view: str
    sort: str = "sla"
    filters: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""

    @property
    def query(self) -> str:
        """The query string, without the question mark."""
        layout = {"layout": self.layout} if self.layout else {}
        return urlencode({"view": self.view, "sort": self.sort, **self.filters, **layout})

    @property
    def is_table(self) -> bool:
        """Whether the list is shown as a table."""
        return self.layout == TABLE

    @property
    def url(self) -> str:
        """The list's own page."""
        return f"{reverse('inbox')}?{self.query}"

    def sorted_by(self, sort: str) -> "ListState":
        """The same list in another order."""
        return replace(self, sort=sort)

    def ticket_url(self, ticket_id: int, name: str = "inbox-ticket") -> str:
        """A page of a ticket, beside this list; beside a ticket the list is a pane."""
        before, after = _around_id(name)
        return f"{before}{ticket_id}{after}?{self._pane_query}"

    @cached_property
    def _pane_query(self) -> str:
        return replace(self, layout="").query


@lru_cache
def _around_id(name: str) -> tuple[str, str]:
    """A ticket's address before and after its id, so that a list need not ask for each of its rows."""
    before, _id, after = reverse(name, args=[0]).rpartition("0")
    return before, after


def list_state(request: HttpRequest, viewer: Viewer, ticket: Ticket | None = None) -> ListState:
    """Read the list from the query string; without a view the one in which ``ticket`` (or the person's work) is.

    A saved view has its own order while none is named. Names that are no filter are left out. Raises Http404 for an
    unknown order.
    """
    view = request.GET.get("view") or (default_view(viewer) if ticket is None else _home_of(ticket, viewer))
    sort = request.GET.get("sort") or _own_order(viewer, view)
    if sort not in SORTS:
        raise Http404(_("There is no such order."))
    filters = {name: value for name in FILTERS if (value := request.GET.get(name, "").strip())}
    where = sent_condition(request.GET, WHERE)
    if where:
        filters[WHERE] = where if isinstance(where, str) else json.dumps(where, separators=(",", ":"))
    is_table = ticket is None and request.GET.get("layout") == TABLE
    return ListState(view, sort, filters, TABLE if is_table else "")


def _own_order(viewer: Viewer, view: str) -> str:
    if not view.startswith("saved-"):
        return "sla"
    try:
        return view_of(viewer, view).sort
    except LookupError:
        return "sla"


def default_view(viewer: Viewer) -> str:
    """The view a person starts with: own work for who answers all day, everything open for the others."""
    return DEFAULT_VIEW if viewer.role == Role.AGENT else "open"


def _home_of(ticket: Ticket, viewer: Viewer) -> str:
    category = ticket.status.category
    if category in {"resolved", "closed"}:
        return "resolved"
    if ticket.snoozed_until is not None:
        return "snoozed"
    if category == "waiting":
        return "waiting"
    if viewer.user_id is not None and ticket.assignee_id == viewer.user_id:
        return "mine"
    if ticket.routing_state == Ticket.Routing.TRIAGE:
        return "triage"
    return "unassigned" if ticket.assignee_id is None else "open"


def row_parts(
    row: TicketRow, state: ListState, *, selected: int | None = None, gone: bool = False
) -> dict[str, Any]:
    """A row as ``ui/ticket_row.html`` draws it; ``gone`` marks one that has left its view but keeps its place."""
    icon, label = channel_parts(row.channel)
    return {
        "id": row.id,
        "url": state.ticket_url(row.id),
        "partial_url": state.ticket_url(row.id, "inbox-conversation"),
        "subject": row.subject,
        "contact": row.contact,
        "account": row.account,
        "at": row.at,
        "channel_icon": icon,
        "channel_label": label,
        "last_line": row.last_line,
        "from_us": row.from_us,
        "unread": row.unread,
        "selected": row.id == selected,
        "gone": gone,
        "tag": where_it_went(row.status_category) if gone else _tag(row, state),
        "went": where_it_went(row.status_category),
        "sentiment": row.sentiment,
        "sla_state": row.sla.state,
        "sla_due_at": row.sla.due_at,
        "sla_seconds": row.sla.total_seconds,
        "level": row.escalation_level,
        "assignee": row.assignee,
        "has_draft": row.has_draft,
    }


def _tag(row: TicketRow, state: ListState) -> str:
    """What the ticket is about, or how far routing has come; what it is ordered by, where that shows nowhere else."""
    if state.sort == "value" and row.value_at_risk:
        return money(row.value_at_risk, row.currency)
    if row.routing_state == Ticket.Routing.PENDING:
        return _("routing …")
    if row.routing_state == Ticket.Routing.TRIAGE:
        return _("unsure")
    return row.category


def where_it_went(category: str) -> str:
    """Why a row is no longer in its view."""
    if category in {Status.Category.OPEN, Status.Category.NEW}:
        return _("moved")
    return str(Status.Category(category).label)


def shows_assignee(state: ListState) -> bool:
    """Whether rows of this list differ in their assignee."""
    return state.view not in _ONE_ASSIGNEE and "assignee" not in state.filters


def view_groups(views: list[InboxView], state: ListState) -> list[dict[str, Any]]:
    """The views as ``ui/view_list.html`` draws them: built-in, teams and what they keep, everyone's, one's own."""

    def entry(view: InboxView) -> dict[str, Any]:
        return {
            "label": view.label,
            "url": replace(state, view=view.key, filters={}, sort=_order_of(view, state)).url,
            "icon": view.icon,
            "count": view.count,
            "current": view.key == state.view,
            "urgent": view.urgent,
            # a phone's strip of chips ends before the views of other people's work
            "secondary": view.key in {"waiting", "promised", "leaving", "snoozed", "resolved"},
        }

    labels = {"": "", "team": _("Team"), "everyone": _("Shared"), "personal": _("Mine")}
    groups = [
        {"label": label, "views": [entry(view) for view in views if view.group == group]}
        for group, label in labels.items()
    ]
    return [group for group in groups if group["views"]]


def _order_of(view: InboxView, state: ListState) -> str:
    """The order that a view opens in: a saved one's own, else the one that the person has chosen."""
    return view.sort if view.key.startswith("saved-") else state.sort


def current_view(viewer: Viewer, state: ListState) -> tuple[list[InboxView], InboxView, ListView]:
    """All views with their counts, and the one shown, with its rule; raises Http404 for one that the viewer does not have.

    Three queries.
    """
    lists = views_of(viewer)
    views = counted_views(viewer, lists)
    for view, rule in zip(views, lists, strict=True):
        if view.key == state.view:
            return views, view, rule
    raise Http404(_("There is no such view."))


def refused_filters(error: ValidationError) -> str:
    """A sentence about filters that cannot be used."""
    return _("This filter cannot be used: %s.") % ", ".join(
        str(FILTER_LABELS.get(name, name))
        for name in (error.message_dict if hasattr(error, "error_dict") else ())
    )
