"""How tickets are told about on timelines."""

from collections.abc import Collection, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core.formatting import plain
from customers.registry import TimelineSubject
from people.viewer import Viewer
from tickets.call_lines import words_of_call_event
from tickets.models import Call, Status, Ticket

# Reasons of a change of status that the message before it tells already.
_TOLD = {"reply", "customer_wrote"}


class TicketSubject(TimelineSubject):
    """Number and subject."""

    key = "ticket"

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return those that the viewer may see."""
        return {
            ticket.pk: (str(ticket), reverse("inbox-ticket", args=[ticket.pk]))
            for ticket in Ticket.objects.visible_to(viewer).filter(pk__in=ids).only("number", "subject")
        }

    def detail(self, verb: str, data: Mapping[str, Any]) -> str | None:
        """Say the new status, how sure the routing was, why somebody got the ticket."""
        if verb == "tickets.status_changed":
            if data.get("reason") in _TOLD and data.get("to_category") != Status.Category.RESOLVED:
                return None
            labels = {str(value): str(label) for value, label in Status.Category.choices}
            steps = [labels.get(str(data.get(name)), "") for name in ("from_category", "to_category")]
            return " → ".join(step for step in steps if step)
        if verb == "tickets.routed" and isinstance(data.get("confidence"), float):
            return _("confidence %(confidence)s") % {"confidence": plain(data["confidence"], 2)}
        if verb == "tickets.assigned":
            return str(data.get("reason") or "")
        return ""


class CallSubject(TimelineSubject):
    """How long, and with whom."""

    key = "call"

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return those that the viewer may see."""
        rows = Call.objects.visible_to(viewer).filter(pk__in=ids).select_related("contact")
        rows = rows.prefetch_related("contact__identities")
        return {call.pk: (str(call), reverse("call", args=[call.pk])) for call in rows}

    def detail(self, verb: str, data: Mapping[str, Any]) -> str | None:
        """Say the direction and the length; a call that is put to a ticket was told before."""
        return None if verb == "tickets.call_linked" else words_of_call_event(verb, data, {})
