"""The lists that people choose from: the built-in ones, one per team, and saved views. Each is a condition with a name.

The key of a view goes into addresses: ``mine``, ``team-4``, ``saved-12``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from people.models import Team
from people.viewer import Viewer
from tickets.conditions import is_permitted
from tickets.models import SavedView, Status, Ticket

SOON_SECONDS = 3_600
DEFAULT_VIEW = "mine"


@dataclass(frozen=True)
class ListView:
    """A list with a name. ``group`` is "", "team", or the scope of a saved view; ``count_key`` names its counters, "" while
    it has none yet."""

    key: str
    label: str | Promise
    icon: str
    condition: Mapping[str, Any]
    group: str = ""
    urgent: bool = False
    sort: str = "sla"
    columns: Sequence[str] = field(default_factory=tuple)
    count_key: str = ""
    saved: SavedView | None = None


def _clause(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": name, "is": operator, "value": value}


def _all(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"match": "all", "of": list(parts)}


_ASKED = _clause("status_category", "in", ["new", "open", "on_hold"])
_LIVING = _clause("status_category", "in", [str(one) for one in Status.ACTIVE])
# What was put aside is not asked for, but a promise in danger is shown all the same.
_AWAKE = _clause("snoozed_until", "empty")
WORKED_ON = _all(_ASKED, _AWAKE)

_BUILT_IN: dict[str, tuple[str | Promise, str, dict[str, Any]]] = {
    "mine": (_("My open"), "user-check", _all(_ASKED, _AWAKE, _clause("assignee", "in", ["me"]))),
    "unassigned": (_("Unassigned"), "user-x", _all(_ASKED, _AWAKE, _clause("assignee", "in", ["none"]))),
    "triage": (
        _("Unsure routing"),
        "route",
        _all(_ASKED, _AWAKE, _clause("routing_state", "in", [str(Ticket.Routing.TRIAGE)])),
    ),
    "breaching": (
        _("Breaching"),
        "alarm",
        _all(_ASKED, _clause("next_due_at", "within_next", SOON_SECONDS)),
    ),
    "escalated": (_("Escalated"), "flag", _all(_LIVING, _clause("escalation_level", "at_least", 1))),
    "waiting": (_("Waiting"), "player-pause", _clause("status_category", "in", ["waiting"])),
    "promised": (
        _("Promises due"),
        "calendar",
        _all(_LIVING, _clause("promise_due_at", "not_empty")),
    ),
    "leaving": (_("Says they leave"), "trending-down", _all(_LIVING, _clause("says", "any", ["churn"]))),
    "snoozed": (_("Snoozed"), "alarm-snooze", _all(_LIVING, _clause("snoozed_until", "not_empty"))),
    "open": (_("All open"), "inbox", _LIVING),
    "resolved": (_("Resolved"), "circle-check", _clause("status_category", "in", ["resolved"])),
}


def built_in_views() -> list[ListView]:
    """Return the views that everybody has, in their order."""
    return [
        ListView(key, label, icon, condition, urgent=key == "breaching", count_key=key)
        for key, (label, icon, condition) in _BUILT_IN.items()
    ]


def team_view(team_id: int, name: str = "") -> ListView:
    """Return the view of a team's open tickets."""
    key = f"team-{team_id}"
    condition = _all(_ASKED, _AWAKE, _clause("team", "in", [str(team_id)]))
    return ListView(key, name, "users", condition, group="team", count_key=key)


def saved_view(saved: SavedView) -> ListView:
    """Return a saved view as a list."""
    return ListView(
        saved.key,
        saved.name,
        saved.icon,
        saved.condition,
        group=saved.scope,
        sort=saved.sort,
        columns=tuple(saved.columns),
        count_key=count_key(saved) if saved.counted_revision == saved.revision else "",
        saved=saved,
    )


def count_key(saved: SavedView) -> str:
    """Return the name of the counters of a saved view as its condition is now."""
    return f"{saved.key}.{saved.revision}"


def views_of(viewer: Viewer) -> list[ListView]:
    """Return every view a viewer has: built-in, teams, saved. Two queries.

    Team views are of the viewer's own teams; who may see all teams gets all active teams. A saved view that asks about what
    the viewer may not read, such as revenue, is none of theirs: what is in it would tell.
    """
    teams = Team.objects.filter(is_active=True)
    if not viewer.can("tickets.all_teams"):
        teams = teams.filter(pk__in=viewer.team_ids)
    saved = SavedView.objects.visible_to(viewer).filter(is_active=True)
    return [
        *built_in_views(),
        *(team_view(team.pk, team.name) for team in teams),
        *(saved_view(one) for one in saved if is_permitted(one.condition, viewer)),
    ]


def view_of(viewer: Viewer, key: str) -> ListView:
    """Return one view by its key: no query for a built-in or team's one. Raises LookupError."""
    kind, _dash, number = key.partition("-")
    if kind in {"team", "saved"} and number.isascii() and number.isdecimal() and len(number) < 18:
        if kind == "team":
            return team_view(int(number))
        found = SavedView.objects.visible_to(viewer).filter(pk=int(number)).first()
        if found is not None and is_permitted(found.condition, viewer):
            return saved_view(found)
    if key not in _BUILT_IN:
        raise LookupError(f"no view {key!r}")
    label, icon, condition = _BUILT_IN[key]
    return ListView(key, label, icon, condition, urgent=key == "breaching", count_key=key)
