"""Keep what a customer's message says besides its mood."""

from core.models import Event
from ml.sentiment.scorer import Reading
from ml.sentiment.trust import trusted_heads
from people.viewer import Viewer
from tickets.events import SIGNAL_SEEN
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.copy_signals import copy_signals

Kind = ConversationSignal.Kind
# Moods change with each message; these are news.
NEWS = frozenset({Kind.CHURN, Kind.ESCALATION, Kind.BUG, Kind.FEATURE_REQUEST, Kind.PRAISE})


def note_signals(
    *, message: Message, ticket: Ticket, reading: Reading, model: str, by: Viewer, cause: Event | None
) -> None:
    """Store what ``reading`` holds true, as far as the model can be trusted with it; the ticket is locked by the caller.

    What a machine wrote says nothing about a person.
    """
    wanted = reading.true & trusted_heads() & set(Kind.values)
    if message.is_automatic or not wanted:
        return
    rows = [
        ConversationSignal(
            message=message,
            kind=kind,
            probability=reading.answers[kind],
            source=model[:64],
            said_at=message.created_at,
        )
        for kind in Kind.values
        if kind in wanted
    ]
    ConversationSignal.objects.bulk_create(rows, ignore_conflicts=True)
    copy_signals(ticket=ticket, message_ids=[message.pk])
    news = [row for row in rows if row.kind in NEWS]
    SIGNAL_SEEN.record_many(
        by=by,
        rows=[
            {
                "subject_id": message.pk,
                "ticket_id": ticket.pk,
                "account_id": ticket.account_id,
                "detail": {"kind": row.kind, "probability": round(row.probability or 0.0, 4)},
            }
            for row in news
        ],
        cause=cause,
    )
