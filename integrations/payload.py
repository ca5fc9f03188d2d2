"""The body of a webhook: the envelope of the event, its detail, and the REST form of the ticket or account it is about.

Thin on purpose: no text of a message is in it. Who wants more reads it over REST, with the rights of its own key. What is told is
read when it is sent, so that an erased person is not told about by a repetition.
"""

import json
from typing import Any

from rest_framework.utils.encoders import JSONEncoder

from core.api.shapes import shown
from core.models import Event
from customers.api.serializers import AccountOut
from customers.models import Account
from integrations.catalogue import OTHER_TICKET, PERMISSION_OF, TEST_TYPE
from integrations.models import WebhookDelivery
from people.viewer import Viewer
from tickets.api.serializers import TicketOut
from tickets.models import Ticket
from tickets.selectors import with_properties, with_row_parts

MOST_BYTES = 20_000


class NotVisible(Exception):
    """The endpoint may not be told of the event (any more)."""


def body_of(delivery: WebhookDelivery, viewer: Viewer) -> bytes:
    """Return the JSON that is posted, at most MOST_BYTES; raises NotVisible."""
    if delivery.event is None:
        content: dict[str, Any] = {
            "id": delivery.message_id,
            "type": TEST_TYPE,
            "timestamp": delivery.created_at,
            "data": {"endpoint": delivery.endpoint_id, "name": delivery.endpoint.name},
        }
        return _encoded(content)
    content = {
        "id": delivery.message_id,
        "type": delivery.event.verb,
        "timestamp": delivery.event.occurred_at,
        "data": _data(delivery.event, viewer),
    }
    encoded = _encoded(content)
    # What is too long for one message is read over REST.
    for part in ("detail", "ticket", "account"):
        if len(encoded) <= MOST_BYTES:
            break
        if part in content["data"]:
            content["data"][part] = None
            content["data"]["is_cut"] = True
            encoded = _encoded(content)
    return encoded


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, cls=JSONEncoder, separators=(",", ":")).encode()


def _data(event: Event, viewer: Viewer) -> dict[str, Any]:
    if not viewer.can(PERMISSION_OF.get(event.verb, "")):
        raise NotVisible
    ticket = _ticket(event, viewer)
    is_hidden = event.ticket_id is not None and ticket is None
    if is_hidden and PERMISSION_OF[event.verb] == "tickets.view":
        raise NotVisible
    data: dict[str, Any] = {
        "event": event.pk,
        "sequence": event.position.seq,
        "subject": {"kind": event.subject_kind, "id": event.subject_id},
        "actor": {"kind": event.actor_kind, "id": event.actor_id},
        "source": event.source,
        "account_id": event.account_id,
        "ticket_id": None if is_hidden else event.ticket_id,
        "detail": None if is_hidden else _detail(event, viewer),
    }
    if ticket is not None:
        data["ticket"] = shown(TicketOut, ticket)
        # The beginning of a message is a text of a customer, too.
        del data["ticket"]["preview"]
    account = (
        Account.objects.visible_to(viewer).filter(pk=event.account_id or 0).select_related("csm").first()
    )
    if account is not None:
        data["account"] = AccountOut(account, context={"viewer": viewer}).data
    return data


def _ticket(event: Event, viewer: Viewer) -> Ticket | None:
    tickets = Ticket.objects.visible_to(viewer).filter(pk=event.ticket_id or 0)
    return with_properties(with_row_parts(tickets)).first()


def _detail(event: Event, viewer: Viewer) -> Any:
    """Return the detail, None when it was erased or names a ticket that the endpoint may not see."""
    data = event.detail.data
    key = OTHER_TICKET.get(event.verb)
    if data is None or key is None:
        return data
    other = data.get(key)
    is_seen = isinstance(other, int) and Ticket.objects.visible_to(viewer).filter(pk=other).exists()
    return data if is_seen else None
