"""Keep what customers' messages say besides their mood."""

from collections.abc import Mapping, Sequence

from core.models import Event
from ml.services.record_predictions import Answered, SubjectPrediction, record_answers
from people.viewer import Viewer
from tickets.events import SIGNAL_SEEN
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.copy_signals import copy_signals
from tickets.signal_answers import SIGNAL_TASKS, Said

Kind = ConversationSignal.Kind
# Moods change with each message; these are news.
NEWS = frozenset({Kind.CHURN, Kind.ESCALATION, Kind.BUG, Kind.FEATURE_REQUEST, Kind.PRAISE})


def note_signals(
    *,
    said: Sequence[tuple[Message, Mapping[str, Said]]],
    tickets: Mapping[int, Ticket],
    by: Viewer,
    causes: Mapping[int, Event],
) -> None:
    """Store what was read in messages, and show what is held true; their tickets, by id, are locked by the caller.

    ``causes`` are the events, by message, that led here. What a machine wrote says nothing about a person.
    """
    by_people = [(message, found) for message, found in said if not message.is_automatic]
    record_answers(
        Answered(SIGNAL_TASKS[kind], "message", [_prediction(message, one)], one.served)
        for message, found in by_people
        for kind, one in found.items()
    )
    rows = [
        ConversationSignal(
            message=message,
            kind=kind,
            probability=found[kind].answer.probability,
            source=found[kind].read_by[:64],
            said_at=message.created_at,
        )
        for message, found in by_people
        for kind in SIGNAL_TASKS
        if kind in found and found[kind].is_shown
    ]
    if not rows:
        return
    ConversationSignal.objects.bulk_create(rows, ignore_conflicts=True)
    concerned = {row.message_id: row.message.ticket_id for row in rows}
    copy_signals(tickets=[tickets[pk] for pk in sorted({*concerned.values()})], message_ids=[*concerned])
    SIGNAL_SEEN.record_many(
        by=by,
        rows=[
            {
                "subject_id": row.message_id,
                "ticket_id": row.message.ticket_id,
                "account_id": tickets[row.message.ticket_id].account_id,
                "detail": {"kind": row.kind, "probability": round(row.probability or 0.0, 4)},
                "cause": causes.get(row.message_id),
            }
            for row in rows
            if row.kind in NEWS
        ],
    )


def _prediction(message: Message, one: Said) -> SubjectPrediction:
    return SubjectPrediction(
        message.pk,
        one.answer.label,
        one.answer.probability,
        input_text=message.body_text,
        facts={"raw": round(one.raw, 6), "shown": one.by_card, "source": one.source},
    )
