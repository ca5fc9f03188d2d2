"""Why a ticket has its owner, or who would get it now: what the assignment menu and REST tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.models import Event
from people.models import User
from tickets.assignment import VERDICTS
from tickets.events import ASSIGNED
from tickets.models import Ticket
from tickets.services.assign_ticket import preview_assignment


@dataclass(frozen=True)
class StoryLine:
    """What was said of one person. ``verdict`` is a word of ``tickets.assignment.VERDICTS``, ``words`` say it."""

    user_id: int
    name: str
    verdict: str
    words: str
    load: int
    capacity: int


@dataclass(frozen=True)
class AssignmentStory:
    """The reason in a sentence, and who was considered. ``is_preview``: nobody has it, this is who would get it now."""

    reason: str
    lines: tuple[StoryLine, ...] = ()
    is_preview: bool = False
    would_get: str = ""


def assignment_story(ticket: Ticket) -> AssignmentStory:
    """Return the story of an assigned ticket from its last event, of one without an owner from the present state."""
    if ticket.assignee_id is not None:
        event = (
            Event.objects.filter(ticket_id=ticket.pk, verb=ASSIGNED.verb)
            .select_related("detail")
            .order_by("-pk")
            .first()
        )
        detail: dict[str, Any] = {} if event is None else (event.detail.data or {})
        considered = detail.get("considered", []) if detail.get("to") == ticket.assignee_id else []
        return AssignmentStory(ticket.assigned_reason, _lines(considered))
    decision = preview_assignment(ticket)
    if decision is None:
        reason = ticket.assigned_reason or _("This ticket is given out by hand.")
        return AssignmentStory(reason, is_preview=True)
    lines = _lines([one.as_json() for one in decision.considered])
    would_get = next((line.name for line in lines if line.user_id == decision.user_id), "")
    return AssignmentStory(decision.reason, lines, is_preview=True, would_get=would_get)


def _lines(considered: Sequence[dict[str, Any]]) -> tuple[StoryLine, ...]:
    """Name the people, the chosen one first, then who could have taken it."""
    if not considered:
        return ()
    users = User.objects.in_bulk([int(one["user"]) for one in considered])
    lines = [
        StoryLine(
            user_id=int(one["user"]),
            name=str(users.get(int(one["user"]), _("a former colleague"))),
            verdict=str(one["verdict"]),
            words=_words(one),
            load=int(one["load"]),
            capacity=int(one["capacity"]),
        )
        for one in considered
    ]
    return tuple(sorted(lines, key=lambda line: (_place(line.verdict), line.name)))


def _words(one: dict[str, Any]) -> str:
    words = str(VERDICTS.get(str(one["verdict"]), one["verdict"]))
    missing = one.get("missing", [])
    return f"{words}: {', '.join(missing)}" if missing and one["verdict"] == "lacks" else words


def _place(verdict: str) -> int:
    """The place of a verdict in the order of VERDICTS; one of a former version comes last."""
    known = list(VERDICTS)
    return known.index(verdict) if verdict in known else len(known)
