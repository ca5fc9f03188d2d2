"""Send an answer again that could not be delivered."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import retry_outbound
from people.viewer import Viewer
from tickets.events import DELIVERY_RETRIED
from tickets.models import Message
from tickets.services.settle_answer import came_back
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def retry_delivery(*, message: Message, by: Viewer) -> Message:
    """Queue the answer's outbox row again; raises ValidationError unless it has failed or its fate is uncertain."""
    by.require("tickets.reply")
    ticket = lock_ticket(message.ticket_id, by)
    outbound = Outbound.objects.filter(idempotency_key=f"message:{message.pk}").first()
    if outbound is None or not retry_outbound(outbound=outbound, by=by):
        raise ValidationError(_("This answer has not failed."))
    message.refresh_from_db()
    if message.delivery == Message.Delivery.BOUNCED:
        # Those whom it came back from got it, and do not get it again.
        message.delivery_detail = came_back(message.delivery_detail)
    else:
        message.delivery, message.delivery_detail = Message.Delivery.QUEUED, ""
    message.next_try_at = None
    message.save(update_fields=["delivery", "delivery_detail", "next_try_at"])
    DELIVERY_RETRIED.record(by=by, subject_id=message.pk, ticket_id=ticket.pk, account_id=ticket.account_id)
    save_ticket(ticket)
    return message
