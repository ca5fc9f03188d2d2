"""Forecasts a ticket anew when something has happened to it."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from tickets.events import (
    ASSIGNED,
    MESSAGE_RECEIVED,
    PRIORITY_CHANGED,
    REPLIED,
    REPLY_UNDONE,
    ROUTED,
    ROUTING_CORRECTED,
    SLA_APPLIED,
    STATUS_CHANGED,
    TICKET_CREATED,
    UNASSIGNED,
)


class TicketForecasts(Subscriber):
    """Predicts outside transactions; a repetition makes the forecasts once more."""

    key = "tickets.forecasts"
    label = _("Forecasts about tickets")
    verbs = frozenset(
        event.verb
        for event in (
            ASSIGNED, MESSAGE_RECEIVED, PRIORITY_CHANGED, REPLIED, REPLY_UNDONE, ROUTED, ROUTING_CORRECTED, SLA_APPLIED,
            STATUS_CHANGED, TICKET_CREATED, UNASSIGNED,
        )
    )  # fmt: skip
    queue = "ml"

    def prepare(self, events: Sequence[Event]) -> None:
        """Forecast the tickets concerned, each once."""
        from tickets.services.forecast_tickets import forecast_tickets

        ids = sorted({event.ticket_id for event in events if event.ticket_id is not None})
        if ids:
            forecast_tickets(ticket_ids=ids)

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Nothing is left to write."""
