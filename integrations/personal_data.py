"""What integrations keep about a person: to which systems was told about it, and what those answered."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from customers.registry import PersonalData
from integrations.models import WebhookDelivery
from tickets.models import Message, Ticket


class WebhookData(PersonalData):
    """Deliveries of events about the person, its tickets or what it wrote. What is sent is stored nowhere."""

    key = "webhooks"
    order = 500

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return who was told, of what kind of event and when."""
        rows = _about(contact_ids).filter(state=WebhookDelivery.State.DELIVERED).order_by("pk")
        return {
            "webhooks": [
                {"receiver": row.endpoint.name, "event": row.event_type, "delivered_at": row.finished_at}
                for row in rows.select_related("endpoint").iterator(chunk_size=500)
            ]
        }

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty what receivers answered: it may repeat what they were told."""
        rows = _about(contact_ids).exclude(excerpt="")
        return {"webhook_answers": rows.update(excerpt="")}


def _about(contact_ids: Collection[int]) -> QuerySet[WebhookDelivery]:
    tickets = Ticket.objects.filter(contact__in=contact_ids).values("pk")
    messages = Message.objects.filter(contact__in=contact_ids).values("pk")
    return WebhookDelivery.objects.filter(
        Q(event__ticket_id__in=tickets)
        | Q(event__subject_kind="message", event__subject_id__in=messages)
        | Q(event__subject_kind="contact", event__subject_id__in=contact_ids)
    )
