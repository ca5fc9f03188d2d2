"""The terms of each version of an SLA policy: what they were, what a version changed, and which of them a ticket is under.

The writer is ``tickets.services.save_sla_policy``; the shape of ``terms`` is that of ``SLAPolicyVersion``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from core.calendars import OpeningHours
from core.formatting import duration
from core.models import Calendar
from tickets.conditions import in_words
from tickets.models import SLAPolicy, SLAPolicyVersion, SLAStep, Ticket
from tickets.sla import Promise

Terms = Mapping[str, Any]
# A policy of many versions shows the newest; all of them stay in the table.
MOST_VERSIONS = 50


@dataclass(frozen=True)
class VersionShown:
    """One version of a policy: who saved it when (an empty name: no person), and what it changed, a line each."""

    version: int
    saved_at: datetime
    saved_by: str
    changes: tuple[str, ...]


def terms_of(policy: SLAPolicy) -> dict[str, Any]:
    """Return the terms of a saved policy as they stand in the database: three queries."""
    calendar = policy.calendar
    return {
        "name": policy.name,
        "position": policy.position,
        "condition": policy.condition,
        "calendar": None
        if calendar is None
        else {"id": calendar.pk, "name": calendar.name, "timezone": calendar.timezone},
        "is_active": policy.is_active,
        "targets": {
            one.priority: [one.first_response_seconds, one.next_response_seconds, one.resolution_seconds]
            for one in policy.targets.order_by("pk")
        },
        "steps": [
            {
                "promise": step.promise,
                "timing": step.timing,
                "amount": step.amount,
                "action": step.action,
                "recipient": step.recipient,
                "person": step.person.name if step.person is not None else "",
                "host": step.host,
            }
            for step in policy.steps.select_related("person").order_by("position", "pk")
        ],
    }


def history_of(policy: SLAPolicy) -> list[VersionShown]:
    """Return the versions of a policy, newest first, at most MOST_VERSIONS, with what each changed. One query."""
    rows = list(policy.versions.select_related("saved_by").order_by("-version")[: MOST_VERSIONS + 1])
    shown = []
    for row, before in zip(rows, [*rows[1:], None], strict=True):
        changes = _changes(None if before is None else before.terms, row.terms)
        name = row.saved_by.name if row.saved_by is not None else ""
        shown.append(VersionShown(row.version, row.saved_at, name, tuple(changes)))
    return shown[:MOST_VERSIONS]


def version_of(ticket: Ticket) -> SLAPolicyVersion | None:
    """Return the version that the deadlines of a ticket were computed under; None when there is none or it was not kept."""
    if ticket.sla_policy_id is None:
        return None
    versions = SLAPolicyVersion.objects.select_related("saved_by")
    return versions.filter(policy_id=ticket.sla_policy_id, version=ticket.sla_policy_version).first()


def promise_under(terms: Terms, priority: str) -> Promise | None:
    """Return what terms promise for a priority, in the hours that their calendar has today; None when nothing, or when the
    calendar is gone."""
    targets = terms["targets"].get(priority)
    calendar = terms["calendar"]
    row = None if calendar is None else Calendar.objects.filter(pk=calendar["id"]).first()
    if targets is None or (calendar is not None and row is None):
        return None
    first, following, solution = targets
    return Promise(
        OpeningHours.always() if row is None else row.hours(),
        first_response_seconds=first,
        resolution_seconds=solution,
        next_response_seconds=following,
    )


def _changes(before: Terms | None, after: Terms) -> list[str]:
    """What differs between two versions in words; of the oldest that was kept, what it promises."""
    if before is None:
        return [*_targets_changed({}, after["targets"]), *_steps_changed([], after["steps"])]
    lines = [
        _("%(what)s: %(before)s → %(after)s") % {"what": label, "before": old, "after": new}
        for label, old, new in (
            (_("Name"), before["name"], after["name"]),
            (_("Order"), before["position"], after["position"]),
            (_("Condition"), in_words(before["condition"]), in_words(after["condition"])),
            (_("Calendar"), _calendar(before), _calendar(after)),
            (_("Active"), _yes_or_no(before["is_active"]), _yes_or_no(after["is_active"])),
        )
        if old != new
    ]
    return [
        *lines,
        *_targets_changed(before["targets"], after["targets"]),
        *_steps_changed(before["steps"], after["steps"]),
    ]


def _targets_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = (_("first answer"), _("next answer"), _("solution"))
    lines = []
    for priority, label in reversed(Ticket.Priority.choices):
        old, new = before.get(priority) or [None] * 3, after.get(priority) or [None] * 3
        for name, was, becomes in zip(names, old, new, strict=True):
            if was == becomes:
                continue
            line = {"priority": label, "promise": name, "before": _promised(was), "after": _promised(becomes)}
            words = (
                _("%(priority)s, %(promise)s: %(before)s → %(after)s")
                if before
                else _("%(priority)s, %(promise)s: %(after)s")
            )
            lines.append(words % line)
    return lines


def _steps_changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    added = [_("Step added: %s") % _step(one) for one in after if one not in before]
    gone = [_("Step removed: %s") % _step(one) for one in before if one not in after]
    return added + gone


def _step(step: Mapping[str, Any]) -> str:
    parts = [
        f"{step['amount']} {SLAStep.Timing(step['timing']).label}",
        str(SLAStep.Action(step["action"]).label),
    ]
    if step["action"] == SLAStep.Action.WARN and step["recipient"] != SLAStep.Recipient.PERSON:
        parts.append(str(SLAStep.Recipient(step["recipient"]).label))
    return ", ".join(part for part in (*parts, step["person"], step["host"]) if part)


def _calendar(terms: Terms) -> str:
    return terms["calendar"]["name"] if terms["calendar"] else _("around the clock")


def _promised(seconds: int | None) -> str:
    return _("not promised") if seconds is None else duration(seconds)


def _yes_or_no(value: bool) -> str:
    return _("yes") if value else _("no")
