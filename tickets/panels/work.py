"""Steps to take on the ticket, and the time it took."""

from typing import Any

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import TicketPanel
from tickets.services.log_time import may_change
from tickets.worked_minutes import write_minutes


class WorkPanel(TicketPanel):
    """Checklist and worked time."""

    key = "work"
    label = gettext_lazy("Checklist and time")
    icon = "checkup-list"
    order = 50
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return steps and entries."""
        return work_parts(viewer, ticket)


def work_parts(
    viewer: Viewer,
    ticket: Ticket,
    *,
    refused: str = "",
    refused_form: str = "",
    typed: dict[str, str] | None = None,
    editing: int = 0,
) -> dict[str, Any]:
    """Return the variables of the panel; two queries.

    ``refused`` says why what was ``typed`` in ``refused_form`` (step, time, entry) was not taken; ``editing`` is the entry of
    worked time that is being corrected.
    """
    steps = list(ticket.checklist.select_related("done_by"))
    entries = list(ticket.time_entries.select_related("user"))
    return {
        "ticket": ticket,
        "may_edit": viewer.can("tickets.edit"),
        "may_log": viewer.can("tickets.note"),
        "steps": steps,
        "done": sum(1 for step in steps if step.done_at is not None),
        "entries": [
            {
                "row": entry,
                "time": write_minutes(entry.minutes),
                "is_own": may_change(entry, viewer),
                "is_edited": entry.pk == editing and may_change(entry, viewer),
            }
            for entry in entries
        ],
        "total": write_minutes(sum(entry.minutes for entry in entries)) if entries else "",
        "refused": refused,
        "refused_form": refused_form,
        "typed": typed or {},
    }
