"""Keep what a customer's message says besides its mood."""

from collections.abc import Mapping

from core.models import Event
from ml.services.record_predictions import SubjectPrediction, record_predictions
from people.viewer import Viewer
from tickets.events import SIGNAL_SEEN
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.copy_signals import copy_signals
from tickets.signal_answers import SIGNAL_TASKS, Said

Kind = ConversationSignal.Kind
# Moods change with each message; these are news.
NEWS = frozenset({Kind.CHURN, Kind.ESCALATION, Kind.BUG, Kind.FEATURE_REQUEST, Kind.PRAISE})


def note_signals(
    *, message: Message, ticket: Ticket, said: Mapping[str, Said], by: Viewer, cause: Event | None
) -> None:
    """Store what was read in a message, and show what is held true; the ticket is locked by the caller.

    What a machine wrote says nothing about a person.
    """
    if message.is_automatic:
        return
    for kind, one in said.items():
        record_predictions(
            task=SIGNAL_TASKS[kind],
            subject_kind="message",
            predictions=[
                SubjectPrediction(
                    message.pk,
                    one.answer.label,
                    one.answer.probability,
                    input_text=message.body_text,
                    facts={"raw": round(one.raw, 6), "shown": one.by_card, "source": one.source},
                )
            ],
            served=one.served,
        )
    rows = [
        ConversationSignal(
            message=message,
            kind=kind,
            probability=said[kind].answer.probability,
            source=said[kind].read_by[:64],
            said_at=message.created_at,
        )
        for kind in SIGNAL_TASKS
        if kind in said and said[kind].is_shown
    ]
    if not rows:
        return
    ConversationSignal.objects.bulk_create(rows, ignore_conflicts=True)
    copy_signals(ticket=ticket, message_ids=[message.pk])
    SIGNAL_SEEN.record_many(
        by=by,
        rows=[
            {
                "subject_id": message.pk,
                "ticket_id": ticket.pk,
                "account_id": ticket.account_id,
                "detail": {"kind": row.kind, "probability": round(row.probability or 0.0, 4)},
            }
            for row in rows
            if row.kind in NEWS
        ],
        cause=cause,
    )
