"""Save, copy, order and delete the views that people keep."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.job_runner import start_job
from people.models import Team
from people.viewer import Viewer
from tickets.conditions import check_condition
from tickets.events import VIEW_DELETED, VIEW_SAVED
from tickets.list_columns import check_columns
from tickets.models import SavedView
from tickets.selectors import SORTS, check_sort
from tickets.services.count_views import BATCH, count_tickets, next_of_view

MOST_PERSONAL = 50
MOST_SHARED = 200
ICONS = (
    "bookmark", "flag", "bolt", "inbox", "users", "user-check", "target", "tag", "alarm", "clock", "building-community",
    "world", "mail", "message-circle", "phone", "sparkles", "alert-triangle", "checkup-list",
)  # fmt: skip


def may_change_view(view: SavedView, by: Viewer) -> bool:
    """Say whether the viewer may change a view: the own one, one of an own team, or any shared one as who keeps those."""
    if view.scope == SavedView.Scope.PERSONAL:
        return by.user_id is not None and view.owner_id == by.user_id
    if by.can("tickets.share_views"):
        return True
    return view.scope == SavedView.Scope.TEAM and view.team_id in by.team_ids and by.can("tickets.edit")


@transaction.atomic
def save_view(
    *,
    by: Viewer,
    name: str,
    condition: object,
    scope: str = SavedView.Scope.PERSONAL,
    team: Team | None = None,
    sort: str = "sla",
    columns: Sequence[str] = (),
    icon: str = "bookmark",
    view: SavedView | None = None,
) -> SavedView:
    """Save a view; without ``view`` a new one at the end of its group.

    Anybody keeps personal ones; those of a team need ``tickets.edit`` and membership, those for everyone ``tickets.share_views``
    (which also opens every team's). Raises ValidationError naming the field, PermissionDenied.
    """
    by.require("tickets.view")
    row = SavedView() if view is None else SavedView.objects.select_for_update().get(pk=view.pk)
    if view is not None and not may_change_view(row, by):
        raise PermissionDenied(_("Only its owner, or who keeps shared views, may change this view."))
    _check_scope(scope, team, by)
    values: dict[str, Any] = {
        "name": _name(name),
        "condition": _condition(condition, by),
        "scope": scope,
        "team": team if scope == SavedView.Scope.TEAM else None,
        "sort": sort,
        "columns": check_columns(columns, by),
        "icon": icon if icon in ICONS else "bookmark",
    }
    if sort not in SORTS:
        raise ValidationError({"sort": _("Choose one of: %s.") % ", ".join(SORTS)})
    check_sort(sort, by)
    if view is None:
        row.position = _last_position(scope, by)
    elif row.condition != values["condition"]:
        row.revision += 1
    row.owner_id = (
        (row.owner_id if row.pk and row.scope == scope else by.user_id)
        if scope == SavedView.Scope.PERSONAL
        else None
    )
    changes = apply_changes(row, **values)
    row.save()
    if changes or view is None:
        VIEW_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    if row.counted_revision != row.revision:
        _count(row, by)
    return row


def _name(name: str) -> str:
    wanted = name.replace("\x00", "").strip()
    if not wanted or len(wanted) > 60:
        raise ValidationError({"name": _("Give a name of at most 60 characters.")})
    return wanted


def _condition(condition: object, by: Viewer) -> dict[str, Any]:
    try:
        return check_condition(condition, by)
    except ValidationError as error:
        raise ValidationError({"condition": error.messages}) from error


def _check_scope(scope: str, team: Team | None, by: Viewer) -> None:
    if scope not in SavedView.Scope.values:
        raise ValidationError({"scope": _("Choose one of: %s.") % ", ".join(SavedView.Scope.values)})
    if scope == SavedView.Scope.PERSONAL:
        if by.user_id is None:
            raise ValidationError({"scope": _("An integration has no personal views.")})
        return
    if scope == SavedView.Scope.TEAM and team is None:
        raise ValidationError({"team": _("Choose the team.")})
    if by.can("tickets.share_views"):
        return
    own = team is not None and team.pk in by.team_ids and by.can("tickets.edit")
    if scope != SavedView.Scope.TEAM or not own:
        raise ValidationError(
            {"scope": _("You may keep views for yourself and for your teams; leads keep those for everyone.")}
        )


def _last_position(scope: str, by: Viewer) -> int:
    personal = scope == SavedView.Scope.PERSONAL
    rows = SavedView.objects.filter(scope=SavedView.Scope.PERSONAL, owner_id=by.user_id) if personal else None
    rows = SavedView.objects.exclude(scope=SavedView.Scope.PERSONAL) if rows is None else rows
    most = MOST_PERSONAL if personal else MOST_SHARED
    number = rows.count()
    if number >= most:
        raise ValidationError({"name": _("There are %d views already: delete one first.") % number})
    last = rows.order_by("-position").values_list("position", flat=True).first()
    return 0 if last is None else last + 1


def _count(view: SavedView, by: Viewer) -> None:
    """Count what the view holds: here when it is little, else by a job; until then it has no number."""
    ids = next_of_view(view, 0)
    if len(ids) < BATCH:
        count_tickets(ticket_ids=ids)
        view.counted_revision = view.revision
        view.save(update_fields=["counted_revision"])
        return
    start_job(
        kind="tickets.count_view",
        key=f"{view.pk}.{view.revision}",
        by=by,
        params={"view": view.pk, "revision": view.revision},
    )


def copy_view(*, view: SavedView, by: Viewer) -> SavedView:
    """Copy a visible view as a personal one."""
    name = _("%s (copy)") % view.name
    return save_view(
        by=by,
        name=name[:60],
        condition=view.condition,
        sort=view.sort,
        columns=view.columns,
        icon=view.icon,
    )


@transaction.atomic
def move_view(*, view: SavedView, up: bool, by: Viewer) -> None:
    """Exchange places with the neighbour that is shown above or below in the same group; at the end it stays."""
    row = SavedView.objects.select_for_update().get(pk=view.pk)
    if not may_change_view(row, by):
        raise PermissionDenied(_("Only its owner, or who keeps shared views, may move this view."))
    personal = row.scope == SavedView.Scope.PERSONAL
    group = SavedView.objects.select_for_update()
    group = (
        group.filter(scope=row.scope, owner_id=row.owner_id)
        if personal
        else group.exclude(scope=SavedView.Scope.PERSONAL)
    )
    rows = list(group)
    places = [place for place, one in enumerate(rows) if one.scope == row.scope]
    at = next(place for place, one in enumerate(rows) if one.pk == row.pk)
    beside = [place for place in places if (place < at if up else place > at)]
    if not beside:
        return
    to = beside[-1] if up else beside[0]
    rows[at], rows[to] = rows[to], rows[at]
    for place, one in enumerate(rows):
        if one.position != place:
            SavedView.objects.filter(pk=one.pk).update(position=place)
    VIEW_SAVED.record(by=by, subject_id=row.pk, detail={"position": [at, to]})


@transaction.atomic
def delete_view(*, view: SavedView, by: Viewer) -> None:
    """Delete a view; its tickets stay, its counters go."""
    row = SavedView.objects.select_for_update().get(pk=view.pk)
    if not may_change_view(row, by):
        raise PermissionDenied(_("Only its owner, or who keeps shared views, may delete this view."))
    VIEW_DELETED.record(by=by, subject_id=row.pk, detail={"name": row.name, "scope": row.scope})
    row.delete()
