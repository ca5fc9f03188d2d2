"""Lines of a conversation about promises and escalations: icons, and the thing done to in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tickets.models import SLAStep
from tickets.sla_explanation import LABELS

PROMISE_ICONS = {
    "tickets.next_response_breached": "alarm",
    "tickets.sla_warned": "alarm",
    "tickets.sla_step_taken": "bolt",
    "tickets.promise_kept": "check",
    "tickets.promise_broken": "alarm",
    "tickets.escalated": "flag",
    "tickets.escalation_acknowledged": "flag",
    "tickets.de_escalated": "flag-off",
}


def words_of_promise(verb: str, detail: Mapping[str, Any]) -> str | None:
    """Return the end of a line about a promise or an escalation, None for other lines."""
    match verb:
        case "tickets.sla_warned":
            return _promise(detail)
        case "tickets.sla_step_taken":
            actions = dict(SLAStep.Action.choices)
            return f"{_promise(detail)}: {actions.get(detail.get('action', ''), '')}".strip(": ")
        case "tickets.promise_kept" | "tickets.promise_broken":
            return f"“{detail.get('words', '')}”"
        case "tickets.escalated":
            level = pgettext("escalated the ticket", "to level %s") % detail.get("level", "")
            return f"{level}: {detail['reason']}" if detail.get("reason") else str(level)
        case "tickets.de_escalated":
            if detail.get("level"):
                return str(pgettext("ended the escalation", "down to level %s") % detail["level"])
            return str(detail.get("reason", "")) or (
                _("with the solution") if detail.get("because") == "resolved" else ""
            )
    return None


def _promise(detail: Mapping[str, Any]) -> str:
    return str(LABELS.get(detail.get("promise", ""), ""))
