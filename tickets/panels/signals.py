"""What the conversation says: our promises first, then what the customer says."""

from typing import Any

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.families import family_ids
from tickets.models import ConversationSignal, Message, Ticket
from tickets.registry import TicketPanel
from tickets.signal_chips import Kind, chip

MOST_SHOWN = 12


class SignalsPanel(TicketPanel):
    """Promises and signals, corrected where they stand; one click each."""

    key = "signals"
    label = gettext_lazy("What was said")
    icon = "message-circle"
    order = 15
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the variables of the panel."""
        return signal_parts(viewer, ticket)


def signal_parts(viewer: Viewer, ticket: Ticket) -> dict[str, object]:
    """Return promises by due date, the newest signals of the customer, and what can be added to the newest message."""
    rows = (
        ConversationSignal.objects.visible_to(viewer)
        .valid()
        .filter(message__ticket__in=family_ids(ticket))
        .select_related("message__author", "decided_by")
    )
    promises: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for row in rows.order_by("due_at", "said_at", "pk"):
        (promises if row.kind == Kind.PROMISE else others).append(chip(row.kind, row.state) | {"row": row})
    others.sort(key=lambda one: (one["row"].said_at, one["row"].pk), reverse=True)
    newest = (
        Message.objects.filter(ticket=ticket, kind=Message.Kind.INBOUND)
        .order_by("-created_at", "-pk")
        .first()
    )
    present = {one["row"].kind for one in others if newest is not None and one["row"].message_id == newest.pk}
    return {
        "ticket": ticket,
        "promises": promises,
        "others": others[:MOST_SHOWN],
        "may_edit": viewer.can("tickets.edit"),
        "newest": newest,
        "addable": [
            (value, label) for value, label in Kind.choices if value != Kind.PROMISE and value not in present
        ],
    }
