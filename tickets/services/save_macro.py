"""Save and delete canned replies and macros."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Team
from people.viewer import Viewer
from tickets.conditions import check_condition
from tickets.events import MACRO_DELETED, MACRO_SAVED
from tickets.message_text import storable
from tickets.models import Macro
from tickets.registry import channels as registered_channels
from tickets.registry import macro_actions

MOST_ACTIONS = 20
LONGEST_TEXT = 20_000


def may_change(macro: Macro, by: Viewer) -> bool:
    """Say whether the viewer may change a macro: its own, or a shared one as somebody who keeps those."""
    if macro.scope == Macro.Scope.PERSONAL:
        return by.user_id is not None and macro.owner_id == by.user_id
    return by.can("tickets.share_macros")


@transaction.atomic
def save_macro(
    *,
    by: Viewer,
    name: str,
    kind: str = Macro.Kind.CANNED,
    folder: str = "",
    shortcut: str = "",
    scope: str = Macro.Scope.PERSONAL,
    team: Team | None = None,
    reply: str = "",
    note: str = "",
    sends: bool = False,
    actions: Sequence[Mapping[str, Any]] = (),
    condition: object = None,
    channels: Sequence[str] = (),
    position: int = 0,
    is_active: bool = True,
    macro: Macro | None = None,
) -> Macro:
    """Save a macro; without ``macro`` a new one. A canned reply is its text alone: note, actions and sending are dropped.

    Team and everybody's need ``tickets.share_macros``; nobody else's personal one can be changed. Raises ValidationError naming
    the field, PermissionDenied.
    """
    by.require("tickets.note")
    row = Macro() if macro is None else Macro.objects.select_for_update().get(pk=macro.pk)
    if macro is not None and not may_change(row, by):
        raise PermissionDenied(_("Only its owner, or who keeps the shared macros, may change this macro."))
    _check_scope(scope, team, by)
    is_macro = kind == Macro.Kind.MACRO
    values: dict[str, Any] = {
        "kind": kind,
        "name": storable(name).strip(),
        "folder": storable(folder).strip(),
        "shortcut": slugify(shortcut),
        "scope": scope,
        "owner_id": _owner(row, scope, by),
        "team": team if scope == Macro.Scope.TEAM else None,
        "reply": _text("reply", reply),
        "note": _text("note", note) if is_macro else "",
        "sends": sends and is_macro,
        "actions": check_actions(actions) if is_macro else [],
        "condition": _condition(condition, by),
        "channels": _channels(channels),
        "position": position,
        "is_active": is_active,
    }
    _check_content(values)
    owner_id = values.pop("owner_id")
    changes = apply_changes(row, **values)
    row.owner_id = owner_id
    row.full_clean(exclude=["owner", "team", "condition", "actions", "channels"])
    row.save()
    if changes or macro is None:
        MACRO_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def delete_macro(*, macro: Macro, by: Viewer) -> None:
    """Delete a macro; what it has done stays done."""
    row = Macro.objects.select_for_update().get(pk=macro.pk)
    if not may_change(row, by):
        raise PermissionDenied(_("Only its owner, or who keeps the shared macros, may delete this macro."))
    MACRO_DELETED.record(by=by, subject_id=row.pk, detail={"name": row.name, "scope": row.scope})
    row.delete()


def check_actions(actions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the actions as they are stored; raises ValidationError for unknown ones and values that cannot be used."""
    if len(actions) > MOST_ACTIONS:
        raise ValidationError({"actions": _("A macro does at most %d things.") % MOST_ACTIONS})
    checked = []
    for one in actions:
        key = str(one.get("action", "")) if isinstance(one, Mapping) else ""
        if key not in macro_actions:
            raise ValidationError({"actions": _("There is no action “%s”.") % key})
        try:
            checked.append({"action": key, **macro_actions.get(key).clean(one)})
        except ValidationError as error:
            raise ValidationError({"actions": error.messages}) from error
    return checked


def _check_scope(scope: str, team: Team | None, by: Viewer) -> None:
    if scope not in Macro.Scope.values:
        raise ValidationError({"scope": _("Choose one of: %s.") % ", ".join(Macro.Scope.values)})
    if scope == Macro.Scope.PERSONAL:
        if by.user_id is None:
            raise ValidationError({"scope": _("An integration has no personal macros.")})
        return
    if not by.can("tickets.share_macros"):
        raise ValidationError({"scope": _("You may keep macros for yourself only.")})
    if scope == Macro.Scope.TEAM and team is None:
        raise ValidationError({"team": _("Choose the team.")})


def _owner(row: Macro, scope: str, by: Viewer) -> int | None:
    return by.user_id if scope == Macro.Scope.PERSONAL else None


def _text(field: str, text: str) -> str:
    clean = storable(text).strip()
    if len(clean) > LONGEST_TEXT:
        raise ValidationError({field: _("Write at most %d characters.") % LONGEST_TEXT})
    return clean


def _channels(keys: Sequence[str]) -> list[str]:
    unknown = [key for key in keys if key not in registered_channels]
    if unknown:
        raise ValidationError({"channels": _("There is no channel “%s”.") % ", ".join(unknown)[:80]})
    return sorted(set(keys))


def _condition(condition: object, by: Viewer) -> dict[str, Any]:
    try:
        return check_condition(condition, by)
    except ValidationError as error:
        raise ValidationError({"condition": error.messages}) from error


def _check_content(values: Mapping[str, Any]) -> None:
    """A canned reply needs its text, a macro anything that it does."""
    if values["kind"] == Macro.Kind.CANNED and not values["reply"]:
        raise ValidationError({"reply": _("Write the text that is inserted.")})
    if not (values["reply"] or values["note"] or values["actions"]):
        raise ValidationError(_("Let the macro do something: a reply, a note or an action."))
