"""What integrations keep about a person: to which systems was told about it, what those answered, and what CRMs sent about it."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from customers.registry import PersonalData
from integrations.crm.contract import CONTACT
from integrations.models import CrmConflict, CrmGap, CrmLink, CrmRecord, WebhookDelivery
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


class CrmData(PersonalData):
    """What CRMs sent about the person. The link stays, without values, so that what they send later is not stored again."""

    key = "crm"
    order = 510

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return where the person is known, and what was sent last."""
        found = []
        for link in _links(contact_ids).select_related("connection").order_by("pk"):
            row = _records(link).first()
            found.append(
                {
                    "system": link.connection.name,
                    "id": link.remote_id,
                    "received_at": None if row is None else row.received_at,
                    "record": None if row is None else row.raw,
                }
            )
        return {"crm": found}

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Delete raw records, conflicts and gaps; empty the links."""
        links = list(_links(contact_ids))
        records = sum(_records(link).delete()[0] for link in links)
        CrmConflict.objects.filter(link__in=links).delete()
        CrmGap.objects.filter(object=CONTACT, local_id__in=contact_ids).delete()
        _links(contact_ids).update(state=CrmLink.State.ERASED, values={}, push_error="")
        return {"crm_records": records}


def _links(contact_ids: Collection[int]) -> QuerySet[CrmLink]:
    return CrmLink.objects.filter(object=CONTACT, local_id__in=contact_ids)


def _records(link: CrmLink) -> QuerySet[CrmRecord]:
    return CrmRecord.objects.filter(connection=link.connection_id, object=CONTACT, remote_id=link.remote_id)


def _about(contact_ids: Collection[int]) -> QuerySet[WebhookDelivery]:
    tickets = Ticket.objects.filter(contact__in=contact_ids).values("pk")
    messages = Message.objects.filter(contact__in=contact_ids).values("pk")
    return WebhookDelivery.objects.filter(
        Q(event__ticket_id__in=tickets)
        | Q(event__subject_kind="message", event__subject_id__in=messages)
        | Q(event__subject_kind="contact", event__subject_id__in=contact_ids)
    )
