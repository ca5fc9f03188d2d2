"""The rows that figures count, and by which columns they can be filtered and broken down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models import ConversationSignal, Episode, Message, SatisfactionSurvey, Ticket, TicketTag

NONE = "none"
# Dimensions in the order of menus, with their names.
DIMENSIONS: Mapping[str, str | Promise] = {
    "team": _("Team"),
    "agent": _("Agent"),
    "channel": _("Channel"),
    "category": _("Category"),
    "tag": _("Tag"),
    "priority": _("Priority"),
}
_IDS = frozenset({"team", "agent", "category", "tag"})


@dataclass(frozen=True)
class Source:
    """A table whose rows belong to tickets: ``columns`` by dimension (without "tag"), ``ticket`` the column of the ticket.

    ``is_of_today`` says that its columns are those of the ticket today: whose team or person it is then may see it.
    """

    model: type[models.Model]
    columns: Mapping[str, str]
    ticket: str = "ticket_id"
    base: Q = field(default_factory=Q)
    is_of_today: bool = False

    def column(self, dimension: str) -> str:
        """Return the column of a dimension; tags come through the ticket, one row for each."""
        return "ticket__ticket_tags__tag_id" if dimension == "tag" else self.columns[dimension]

    def rows(self, viewer: Viewer) -> QuerySet[Any]:
        """Return what a viewer's figures count: everything for who sees all teams, else what is their own or their teams'.

        The latter never with a row of a ticket that the viewer may not open. These rows are for counting; who wants to
        show them asks ``openable``.
        """
        viewer.require("insights.view")
        rows = self.model._default_manager.filter(self.base)
        if viewer.can("insights.all_teams"):
            return rows
        own = Q(**{f"{self.columns['team']}__in": viewer.team_ids}) | Q(
            **{self.columns["agent"]: viewer.user_id or 0}
        )
        if self.is_of_today:
            return rows.filter(own)
        # Little is hidden: leaving it out reads far less than looking up every ticket that is not.
        return rows.filter(own).exclude(
            **{f"{self.ticket}__in": Ticket.objects.hidden_from(viewer).values("pk")}
        )

    def openable(self, rows: QuerySet[Any], viewer: Viewer) -> QuerySet[Any]:
        """Return the rows whose tickets a viewer may open; raises PermissionDenied for who may open none at all."""
        viewer.require("tickets.view")
        if viewer.can("tickets.all_teams"):
            return rows
        return rows.exclude(**{f"{self.ticket}__in": Ticket.objects.hidden_from(viewer).values("pk")})

    def clause(self, dimension: str, value: str) -> Q:
        """Return the clause of a filter; raises ValueError for a value that can be none."""
        if dimension in _IDS and value == NONE:
            return Q(**{f"{self.column(dimension)}__isnull": True})
        if dimension in _IDS and not (value.isascii() and value.isdecimal() and len(value) < 19):
            raise ValueError(f"{value!r} is no id")
        if "\x00" in value or len(value) > 80:
            raise ValueError("no such value")
        if dimension == "tag":
            return Q(Exists(TicketTag.objects.filter(ticket_id=OuterRef(self.ticket), tag_id=int(value))))
        return Q(**{self.columns[dimension]: int(value) if dimension in _IDS else value})


EPISODES = Source(
    Episode,
    {
        "team": "team_id",
        "agent": "assignee_id",
        "category": "category_id",
        "channel": "channel",
        "priority": "priority",
    },
    base=Q(is_counted=True),
)
SURVEYS = Source(
    SatisfactionSurvey,
    {
        "team": "episode__team_id",
        "agent": "episode__assignee_id",
        "category": "episode__category_id",
        "channel": "episode__channel",
        "priority": "episode__priority",
    },
    base=Q(state=SatisfactionSurvey.State.SENT),
)
MESSAGES = Source(
    Message,
    {
        "team": "ticket__team_id",
        "agent": "ticket__assignee_id",
        "category": "ticket__category_id",
        "channel": "ticket__channel",
        "priority": "ticket__priority",
    },
    base=Q(kind=Message.Kind.INBOUND) & ~Q(sentiment_label=""),
    is_of_today=True,
)
SIGNALS = Source(
    ConversationSignal,
    {
        "team": "message__ticket__team_id",
        "agent": "message__ticket__assignee_id",
        "category": "message__ticket__category_id",
        "channel": "message__channel",
        "priority": "message__ticket__priority",
    },
    ticket="message__ticket_id",
    base=~Q(kind=ConversationSignal.Kind.PROMISE),
    is_of_today=True,
)
