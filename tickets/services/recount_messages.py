"""What lists show of a ticket's messages, counted anew from the rows: after a merge, a split or a moved message."""

from django.db.models import Count, Max, Q

from tickets.families import family_of
from tickets.message_text import preview
from tickets.models import Message, Status, Ticket


def recount_messages(ticket: Ticket) -> None:
    """Set counts, the last message and the wait of a locked ticket from its messages and those of tickets merged into it.

    The customer waits since the first message by a person that no answer has followed; nobody waits on a ticket that is
    over. The caller saves. Four queries.
    """
    said = Message.objects.filter(ticket_id__in=list(family_of(ticket))).exclude(kind=Message.Kind.NOTE)
    sent = Q(kind=Message.Kind.OUTBOUND)
    counted = said.aggregate(
        inbound=Count("pk", filter=~sent),
        outbound=Count("pk", filter=sent),
        answered_at=Max("created_at", filter=sent),
    )
    ticket.inbound_count = counted["inbound"]
    ticket.outbound_count = counted["outbound"]
    last = said.order_by("-created_at", "-pk").first()
    if last is not None:
        ticket.last_message_at = last.created_at
        ticket.last_message_preview = preview(last.body_text, last.quote_offsets)
        ticket.last_message_inbound = last.kind == Message.Kind.INBOUND
    unanswered = said.filter(~sent, is_automatic=False)
    if counted["answered_at"] is not None:
        unanswered = unanswered.filter(created_at__gt=counted["answered_at"])
    ticket.waiting_since = (
        unanswered.order_by("created_at").values_list("created_at", flat=True).first()
        if ticket.status_category in Status.ACTIVE
        else None
    )
