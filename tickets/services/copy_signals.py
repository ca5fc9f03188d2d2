"""Copy what conversations say to the rows that pages read: the message, and the ticket that its conversation goes on in."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from tickets.families import family_ids, merge_target
from tickets.models import ConversationSignal, Message, Ticket

# Moods are shown beside the conversation only.
ON_MESSAGES = (
    ConversationSignal.Kind.CHURN,
    ConversationSignal.Kind.ESCALATION,
    ConversationSignal.Kind.BUG,
    ConversationSignal.Kind.FEATURE_REQUEST,
    ConversationSignal.Kind.PRAISE,
    ConversationSignal.Kind.NOW,
    ConversationSignal.Kind.PROMISE,
)


def copy_signals(*, ticket: Ticket, message_ids: Collection[int] = ()) -> None:
    """Write ``Message.said`` of these messages, and ``says`` and ``promise_due_at`` of a locked ticket or of the one it was
    merged into. The row in hand stays as it is."""
    _copy_to_messages(message_ids)
    target = merge_target(ticket)
    rows = ConversationSignal.objects.valid().filter(message__ticket__in=family_ids(target))
    kinds = [kind for kind in rows.order_by().values_list("kind", flat=True).distinct() if kind != "promise"]
    next_due = (
        rows.promises()
        .filter(state=ConversationSignal.State.OPEN, due_at__isnull=False)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    says = f" {' '.join(sorted(kinds))} " if kinds else ""
    Ticket.objects.filter(pk=target.pk).update(says=says, promise_due_at=next_due, updated_at=timezone.now())


def _copy_to_messages(message_ids: Collection[int]) -> None:
    said: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = ConversationSignal.objects.valid().filter(message__in=message_ids, kind__in=ON_MESSAGES)
    for row in rows if message_ids else ():
        said[row.message_id].append(
            {
                "id": row.pk,
                "kind": row.kind,
                "state": row.state,
                "probability": None if row.probability is None else round(row.probability, 4),
                "due_at": None if row.due_at is None else row.due_at.isoformat(),
            }
        )
    for pk in message_ids:
        Message.objects.filter(pk=pk).update(said=said[pk])
