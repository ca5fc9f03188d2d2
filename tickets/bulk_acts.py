"""What can be done to many tickets at once: how each act is read, said, done and taken back, by the services of one ticket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from people.models import Team, User
from people.viewer import Viewer
from tickets.events import ASSIGNED, UNASSIGNED
from tickets.models import Category, Macro, Status, Tag, Ticket, TicketMerge, TicketType
from tickets.services.apply_macro import apply_macro
from tickets.services.assign_ticket import WORKING_ROLES, assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.change_type import change_type
from tickets.services.correct_routing import correct_routing
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.snooze_ticket import snooze_ticket, wake_ticket

Value = Mapping[str, Any]
# So many changes of owner are looked at for the last one by hand.
LOOKED_BACK = 50


@dataclass(frozen=True)
class BulkKind:
    """One kind of act.

    ``clean(raw, viewer)`` gives the value as it is stored and the sentence that says what is done (raises ValidationError);
    ``facts(ticket, value)`` is what the act may change, as it is now: ``restore`` gets it as it was before the act. ``apply``
    gets a token that is the same when it is tried again. Without ``restore`` the act cannot be taken back. Of the facts,
    ``passing`` ones may change afterwards without standing in the way of that. ``locks_itself``: the services lock several
    tickets in their order and check under these locks that nothing was changed since.
    """

    key: str
    label: str | Promise
    permission: str
    clean: Callable[[Value, Viewer], tuple[dict[str, Any], str]]
    facts: Callable[[Ticket, Value], dict[str, Any]]
    apply: Callable[[Ticket, Value, Viewer, str], object]
    restore: Callable[[Ticket, Value, Viewer], object] | None = None
    passing: frozenset[str] = frozenset()
    locks_itself: bool = False

    def changed(self, after: Value, now: Value) -> bool:
        """Say whether what the act has made was changed since."""
        return any(after.get(name) != now[name] for name in now if name not in self.passing)


def _one(rows: Any, raw: Any, field: str) -> Any:
    """The row with the id in ``raw``; raises ValidationError naming ``field``."""
    text = str(raw)
    found = (
        rows.filter(pk=int(text)).first() if text.isascii() and text.isdecimal() and len(text) < 18 else None
    )
    if found is None:
        raise ValidationError({field: _("There is no %s here.") % f"“{raw}”"})
    return found


def _of(rows: Any, pk: int | None) -> Any:
    return None if pk is None else rows.filter(pk=pk).first()


# --- status, priority, person ---------------------------------------------------------------------------------------------


def _clean_status(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    status = Status.objects.filter(
        pk=str(raw.get("status", ""))[:24].replace("\x00", ""), is_active=True
    ).first()
    if status is None:
        known = ", ".join(Status.objects.filter(is_active=True).values_list("key", flat=True))
        raise ValidationError({"status": _("Choose one of: %s.") % known})
    return {"status": status.pk}, _("Status: %s") % status


def _restore_status(ticket: Ticket, before: Value, by: Viewer) -> object:
    # a ticket is new only until somebody has worked on it
    back = Status.objects.get(pk=before["status"])
    wanted = "open" if back.category == Status.Category.NEW else back.pk
    return change_status(ticket=ticket, status=wanted, by=by)


def _clean_priority(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    priority = str(raw.get("priority", ""))
    if priority not in Ticket.Priority.values:
        raise ValidationError({"priority": _("Choose one of: %s.") % ", ".join(Ticket.Priority.values)})
    return {"priority": priority}, _("Priority: %s") % Ticket.Priority(priority).label


def _clean_assignee(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    if raw.get("assignee") in {None, "", "none"}:
        return {"assignee": None}, _("Back to their teams")
    person = _one(User.objects, raw["assignee"], "assignee")
    if not person.is_active or person.role not in WORKING_ROLES:
        raise ValidationError({"assignee": _("%s cannot answer tickets.") % person})
    return {"assignee": person.pk}, _("Assign to %s") % person


def _owner_facts(ticket: Ticket, value: Value) -> dict[str, Any]:
    """Who has the ticket, and which event last gave it away by hand: what the rule of the team gives out afterwards, or a
    hand-over, is no decision of anybody."""
    events = Event.objects.filter(ticket_id=ticket.pk, verb__in=[ASSIGNED.verb, UNASSIGNED.verb])
    by_hand = (
        event.pk
        for event in events.select_related("detail").order_by("-pk")[:LOOKED_BACK]
        if not (event.detail.data or {}).get("automatic")
    )
    return {"assignee": ticket.assignee_id, "by_hand": next(by_hand, None)}


def _assign(ticket: Ticket, value: Value, by: Viewer, token: str = "") -> object:
    return assign_ticket(ticket=ticket, assignee=_of(User.objects, value["assignee"]), by=by)


# --- routing, type, tags --------------------------------------------------------------------------------------------------


def _clean_routing(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    team = _one(Team.objects.filter(is_active=True), raw["team"], "team") if raw.get("team") else None
    categories = Category.objects.filter(is_active=True)
    category = _one(categories, raw["category"], "category") if raw.get("category") else None
    if team is None and category is None:
        raise ValidationError({"category": _("Choose a category or a team.")})
    words = " · ".join(str(one) for one in (category, team) if one is not None)
    value = {"team": None if team is None else team.pk, "category": None if category is None else category.pk}
    return value, _("Move to %s") % words


def _route(ticket: Ticket, value: Value, by: Viewer, token: str = "") -> object:
    return correct_routing(
        ticket=ticket,
        team=_of(Team.objects, value["team"]),
        category=_of(Category.objects, value["category"]),
        by=by,
    )


def _restore_routing(ticket: Ticket, before: Value, by: Viewer) -> object:
    if before["team"] is None and before["category"] is None:
        raise ValidationError(_("It was not routed before; choose where it belongs."))
    _route(ticket, before, by)
    ticket.refresh_from_db()
    if before["assignee"] is not None and ticket.assignee_id != before["assignee"]:
        return _assign(ticket, {"assignee": before["assignee"]}, by)
    return ticket


def _routing_facts(ticket: Ticket, value: Value) -> dict[str, Any]:
    return {"team": ticket.team_id, "category": ticket.category_id, **_owner_facts(ticket, value)}


def _clean_type(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    if raw.get("type") in {None, "", "none"}:
        return {"type": None}, _("No type")
    kind = _one(TicketType.objects.filter(is_active=True), raw["type"], "type")
    return {"type": kind.pk}, _("Type: %s") % kind


def _names(raw: Any) -> list[str]:
    listed = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list) else []
    return [str(one).strip().lower()[:40] for one in listed if str(one).strip()]


def _clean_tags(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    add, remove = _names(raw.get("add")), _names(raw.get("remove"))
    if not add and not remove:
        raise ValidationError({"tags": _("Name a tag to add or to remove.")})
    unknown = set(remove) - set(Tag.objects.filter(name__in=remove).values_list("name", flat=True))
    if unknown:
        raise ValidationError({"tags": _("There is no tag “%s”.") % min(unknown)})
    words = [*(f"+{name}" for name in add), *(f"−{name}" for name in remove)]
    return {"add": add, "remove": remove}, _("Tags: %s") % " ".join(words)


def _tag_facts(ticket: Ticket, value: Value) -> dict[str, Any]:
    """Which of the tags that the act is about are on the ticket; others come and go without it."""
    concerned = {*value["add"], *value["remove"]}
    present = concerned & set(ticket.ticket_tags.values_list("tag__name", flat=True))
    return {"on": sorted(present), "off": sorted(concerned - present)}


# --- snooze, merge, macro -------------------------------------------------------------------------------------------------


def _clean_snooze(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    until = parse_datetime(str(raw.get("until", "")))
    if until is None or until.tzinfo is None:
        raise ValidationError({"until": _("Give a time with its zone, like 2026-03-31T09:00:00Z.")})
    return {"until": until.isoformat()}, _("Snooze until %s") % until.strftime("%d %b %H:%M")


def _restore_snooze(ticket: Ticket, before: Value, by: Viewer) -> object:
    if before["until"] is None:
        return wake_ticket(ticket=ticket, by=by)
    return snooze_ticket(ticket=ticket, until=datetime.fromisoformat(before["until"]), by=by)


def _clean_merge(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    into = _one(Ticket.objects.visible_to(viewer), raw.get("into"), "into")
    confirmed = raw.get("confirm_different_requesters") is True
    value = {"into": into.pk, "confirm_different_requesters": confirmed}
    return value, _("Merge into #%d") % into.number


def _merge(ticket: Ticket, value: Value, by: Viewer, token: str) -> object:
    if ticket.pk == value["into"]:
        return ticket
    return merge_tickets(
        ticket=ticket,
        into=Ticket.objects.visible_to(by).get(pk=value["into"]),
        by=by,
        confirm_different_requesters=bool(value.get("confirm_different_requesters")),
    )


def _restore_merge(ticket: Ticket, before: Value, by: Viewer) -> object:
    """Take the merge of the act back and no other; the service locks all that it touches in the order of the keys."""
    into = ticket.merged_into_id
    alone = unmerge_ticket(ticket=ticket, by=by)
    undone = (
        TicketMerge.objects.filter(source=ticket.pk).exclude(undone_at=None).order_by("-undone_at", "-pk")
    )
    if undone.values_list("target_id", flat=True).first() != into:
        raise ValidationError(_("It was changed since."))
    return alone


def _clean_macro(raw: Value, viewer: Viewer) -> tuple[dict[str, Any], str]:
    macros = Macro.objects.visible_to(viewer).filter(is_active=True, kind=Macro.Kind.MACRO)
    macro = _one(macros, raw.get("macro"), "macro")
    return {"macro": macro.pk}, _("Macro: %s") % macro.name


def _macro(ticket: Ticket, value: Value, by: Viewer, token: str) -> object:
    macro = Macro.objects.visible_to(by).filter(pk=value["macro"]).first()
    if macro is None:
        raise ValidationError({"macro": _("The macro is gone.")})
    return apply_macro(ticket=ticket, macro=macro, by=by, token=token)


BULK_KINDS: dict[str, BulkKind] = {
    kind.key: kind
    for kind in (
        BulkKind(
            "status",
            gettext_lazy("Status"),
            "tickets.edit",
            _clean_status,
            lambda ticket, _value: {"status": ticket.status_id},
            lambda ticket, value, by, _token: change_status(ticket=ticket, status=value["status"], by=by),
            _restore_status,
        ),
        BulkKind(
            "priority",
            gettext_lazy("Priority"),
            "tickets.edit",
            _clean_priority,
            lambda ticket, _value: {"priority": ticket.priority},
            lambda ticket, value, by, _token: change_priority(
                ticket=ticket, priority=value["priority"], by=by
            ),
            lambda ticket, before, by: change_priority(ticket=ticket, priority=before["priority"], by=by),
        ),
        BulkKind(
            "assignee",
            gettext_lazy("Assign"),
            "tickets.assign",
            _clean_assignee,
            _owner_facts,
            _assign,
            lambda ticket, before, by: _assign(ticket, before, by),
            passing=frozenset({"assignee"}),
        ),
        BulkKind(
            "routing",
            gettext_lazy("Team and category"),
            "tickets.edit",
            _clean_routing,
            _routing_facts,
            _route,
            _restore_routing,
            passing=frozenset({"assignee"}),
        ),
        BulkKind(
            "type",
            gettext_lazy("Type"),
            "tickets.edit",
            _clean_type,
            lambda ticket, _value: {"type": ticket.type_id},
            lambda ticket, value, by, _token: change_type(
                ticket=ticket, type=_of(TicketType.objects, value["type"]), by=by
            ),
            lambda ticket, before, by: change_type(
                ticket=ticket, type=_of(TicketType.objects, before["type"]), by=by
            ),
        ),
        BulkKind(
            "tags",
            gettext_lazy("Tags"),
            "tickets.edit",
            _clean_tags,
            _tag_facts,
            lambda ticket, value, by, _token: change_tags(
                ticket=ticket, add=value["add"], remove=value["remove"], by=by
            ),
            lambda ticket, before, by: change_tags(
                ticket=ticket, add=before["on"], remove=before["off"], by=by
            ),
        ),
        BulkKind(
            "snooze",
            gettext_lazy("Snooze"),
            "tickets.edit",
            _clean_snooze,
            lambda ticket, _value: {"until": ticket.snoozed_until and ticket.snoozed_until.isoformat()},
            lambda ticket, value, by, _token: snooze_ticket(
                ticket=ticket, until=datetime.fromisoformat(value["until"]), by=by
            ),
            _restore_snooze,
        ),
        BulkKind(
            "merge",
            gettext_lazy("Merge"),
            "tickets.edit",
            _clean_merge,
            lambda ticket, _value: {"into": ticket.merged_into_id},
            _merge,
            _restore_merge,
            locks_itself=True,
        ),
        BulkKind(
            "macro", gettext_lazy("Macro"), "tickets.note", _clean_macro, lambda _ticket, _value: {}, _macro
        ),
    )
}
