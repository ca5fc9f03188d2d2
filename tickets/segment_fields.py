"""What conditions on accounts can ask about their tickets: open ones by priority, new ones, and bad moods."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy

from core.conditions.kinds import Asked, ConditionField
from customers.registry import SegmentFields
from customers.segment_kinds import CountField
from tickets.models import Status, Ticket


def _priorities() -> list[tuple[str, str]]:
    return [(str(value), str(label)) for value, label in Ticket.Priority.choices]


class _TicketCount(CountField):
    """Tickets of the account, merged ones not among them; ``of`` are priorities."""

    def rows(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Ticket]:
        """Return the tickets that count."""
        raise NotImplementedError

    def counts(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Any, Any]:
        """Count the rows by account."""
        rows = self.rows(value, asked).filter(account__isnull=False, merged_into=None)
        if value.get("of"):
            rows = rows.filter(priority__in=value["of"])
        if asked.among is not None:
            rows = rows.filter(account__in=asked.among)
        return rows.values("account").order_by().annotate(n=Count("pk"))


class OpenTickets(_TicketCount):
    """Tickets that are neither resolved nor closed."""

    parts = ("number", "of")

    def rows(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Ticket]:
        """Return the open tickets."""
        return Ticket.objects.filter(status_category__in=Status.ACTIVE)


class NewTickets(_TicketCount):
    """Tickets opened within the last days, whatever became of them."""

    parts = ("number", "of", "within")
    timed: ClassVar[frozenset[str]] = frozenset(CountField.operators)

    def rows(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Ticket]:
        """Return the tickets of the time."""
        return Ticket.objects.filter(created_at__gt=asked.now - timedelta(days=value["within"]))


class NegativeTickets(_TicketCount):
    """Tickets in a negative mood whose last message is of the last days."""

    parts = ("number", "of", "within")
    timed: ClassVar[frozenset[str]] = frozenset(CountField.operators)

    def rows(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Ticket]:
        """Return the tickets of the time in a negative mood."""
        since = asked.now - timedelta(days=value["within"])
        return Ticket.objects.filter(sentiment_label="negative", last_message_at__gt=since)


class TicketFields(SegmentFields):
    """Tickets."""

    key = "tickets"
    order = 30
    permission = "tickets.view"

    def fields(self) -> Sequence[ConditionField]:
        """Return the fields."""
        return _FIELDS


_FIELDS: tuple[ConditionField, ...] = (
    OpenTickets("tickets_open", gettext_lazy("open tickets by priority"), _priorities),
    NewTickets("tickets_new", gettext_lazy("new tickets"), _priorities),
    NegativeTickets("tickets_negative", gettext_lazy("tickets in a negative mood"), _priorities),
)
