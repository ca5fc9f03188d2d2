"""What a page, a REST answer and a CSV file show: every KPI with its predecessor and links, tables by a dimension, names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.translation import gettext as _

from insights.figures import NOTHING, Figure, Scope, figure_with_previous, figures_by
from insights.registry import Kpi, Ratings, Share, kpis_in_order
from insights.sources import NONE
from people.models import Team, User
from tickets.models import Category, Inbox, Tag, Ticket
from tickets.registry import channel_parts

MOST_ROWS = 200
_NAMED: Mapping[str, type[Model]] = {"team": Team, "agent": User, "category": Category, "tag": Tag}


@dataclass(frozen=True)
class Result:
    """A KPI with its figure in the period and in the one before."""

    kpi: Kpi
    now: Figure
    before: Figure
    scope: Scope

    def url(self, part: str = "all", **changes: str) -> str:
        """Return the address of the list of exactly the tickets behind the number."""
        return tickets_url(self.kpi, self.scope, part=part, **changes)

    @property
    def change(self) -> float | None:
        """How much it is more than before: a fraction of the former count, else a difference in the figure's unit."""
        if self.now.value is None or self.before.value is None:
            return None
        if self.kpi.unit == "count":
            return (self.now.value - self.before.value) / self.before.value if self.before.value else None
        return self.now.value - self.before.value

    @property
    def verdict(self) -> str:
        """Return "up" for a change that is wanted, "down" for one that is not, "" where none is."""
        change = self.change
        if not change or not self.kpi.good:
            return ""
        return "up" if (change > 0) is (self.kpi.good == "up") else "down"


@dataclass(frozen=True)
class Group:
    """One row of a table: the value of a dimension, its name, and a figure per KPI key."""

    value: str
    name: str
    figures: Mapping[str, Figure]


def tickets_url(kpi: Kpi, scope: Scope, *, part: str = "all", **changes: str) -> str:
    """Return the address of the list of the tickets that a figure counts."""
    chosen = {"kpi": kpi.key, "part": "" if part == "all" else part, **changes}
    return f"{reverse('insights-tickets')}?{scope.query(**chosen)}"


def all_results(scope: Scope, keys: Sequence[str] = ()) -> list[Result]:
    """Return the KPIs (all, or those named) in their order."""
    chosen = [kpi for kpi in kpis_in_order() if not keys or kpi.key in keys]
    return [Result(kpi, *figure_with_previous(kpi, scope), scope) for kpi in chosen]


def table_by(scope: Scope, dimension: str, kpis: Sequence[Kpi]) -> list[Group]:
    """Return a row per value of a dimension, the busiest first; one query per KPI and one for the names."""
    columns = {kpi.key: figures_by(kpi, scope, dimension) for kpi in kpis}
    values = {value for found in columns.values() for value in found}
    names = names_of(dimension, [value for value in values if value is not None])
    groups = [
        Group(
            value=NONE if value is None else str(value),
            name=names.get(str(value), _("none")) if value is not None else _("none"),
            figures={key: found.get(value, NOTHING) for key, found in columns.items()},
        )
        for value in values
    ]
    first = kpis[0].key
    groups.sort(key=lambda group: (group.value == NONE, -group.figures[first].n, group.name))
    return groups[:MOST_ROWS]


def names_of(dimension: str, values: Sequence[Any]) -> dict[str, str]:
    """Return the names of values of a dimension by their text; what is unknown is left out. At most one query."""
    if dimension in _NAMED:
        ids = [int(value) for value in values if str(value).isdecimal()]
        return {str(row.pk): str(row) for row in _NAMED[dimension]._default_manager.filter(pk__in=ids)}
    if dimension == "priority":
        return {str(value): str(label) for value, label in Ticket.Priority.choices}
    return {str(value): channel_name(str(value)) for value in values}


def channel_name(channel: str) -> str:
    """Return the name of a channel."""
    return channel_parts(channel)[1]


def choices_of(dimension: str, scope: Scope) -> list[tuple[str, str]]:
    """Return the (value, name) pairs that a viewer may filter by, by name. One query."""
    viewer = scope.viewer
    if dimension == "priority":
        return [(str(value), str(label)) for value, label in Ticket.Priority.choices]
    if dimension == "channel":
        channels = set(Inbox.objects.order_by().values_list("channel", flat=True).distinct()) | {
            "email",
            "api",
        }
        return sorted((one, channel_name(one)) for one in channels)
    rows = _NAMED[dimension]._default_manager.filter(is_active=True)
    if not viewer.can("insights.all_teams") and dimension == "team":
        rows = rows.filter(pk__in=viewer.team_ids)
    if dimension == "agent":
        rows = rows.exclude(role="integration")
        if not viewer.can("insights.all_teams"):
            rows = (
                rows.filter(memberships__team_id__in=viewer.team_ids).distinct()
                | rows.filter(pk=viewer.user_id or 0).distinct()
            )
    found = sorted(((str(row.pk), str(row)) for row in rows[:MOST_ROWS]), key=lambda pair: pair[1].lower())
    return found if dimension == "tag" else [*found, (NONE, _("none"))]


def is_share(kpi: Kpi) -> bool:
    """Say whether a figure has hits and misses."""
    return isinstance(kpi.measure, Share | Ratings)
