"""What the demo's customers say besides their mood: read by the adapter, now and then corrected by whoever had the ticket."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from ml.models import Feedback
from ml.sentiment.scorer import Reading
from ml.sentiment.trust import trusted_heads
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.copy_signals import ON_MESSAGES
from tickets.services.judge_signal import BY_PERSON
from tickets.signal_answers import NO, SIGNAL_TASKS, YES

Kind, State = ConversationSignal.Kind, ConversationSignal.State
# What the adapter is not trusted with, people have added: the words that the demo's customers leave with.
_LEAVES = re.compile(r"look for another product|cancel the contract", re.IGNORECASE)
# Of so many signals each, one was dismissed and one confirmed.
_DISMISSED, _CONFIRMED = 23, 9


def add_signals(messages: Sequence[Message], readings: Mapping[int, Reading], model: str) -> int:
    """Store what messages say, as of the moment they came, with the judgements of people; returns how many signals."""
    trusted = trusted_heads()
    rows: list[ConversationSignal] = []
    owners = dict(
        Ticket.objects.filter(pk__in={one.ticket_id for one in messages}).values_list("pk", "assignee_id")
    )
    for message in messages:
        reading, owner = readings[message.pk], owners.get(message.ticket_id)
        for kind in SIGNAL_TASKS:
            if kind in reading.true and kind in trusted:
                rows.append(_judged(message, kind, reading.answers[kind], model, owner, len(rows)))
        if _LEAVES.search(message.body_text) and owner is not None and Kind.CHURN not in trusted:
            rows.append(
                ConversationSignal(
                    message=message,
                    kind=Kind.CHURN,
                    state=State.CONFIRMED,
                    source=BY_PERSON,
                    said_at=message.created_at,
                    decided_by_id=owner,
                    decided_at=message.created_at + timedelta(hours=2),
                )
            )
    ConversationSignal.objects.bulk_create(rows)
    Feedback.objects.bulk_create(_labels(rows))
    _copy(rows)
    return len(rows)


def _judged(
    message: Message, kind: str, probability: float, model: str, owner: int | None, number: int
) -> ConversationSignal:
    row = ConversationSignal(
        message=message, kind=kind, probability=probability, source=model[:64], said_at=message.created_at
    )
    if owner is not None and (number % _DISMISSED == 0 or number % _CONFIRMED == 0):
        row.state = State.DISMISSED if number % _DISMISSED == 0 else State.CONFIRMED
        row.decided_by_id, row.decided_at = owner, message.created_at + timedelta(hours=3)
    return row


def _labels(rows: Sequence[ConversationSignal]) -> list[Feedback]:
    return [
        Feedback(
            task=SIGNAL_TASKS[row.kind],
            subject_kind="message",
            subject_id=row.message_id,
            predicted_label=NO if row.source == BY_PERSON else YES,
            label=NO if row.state == State.DISMISSED else YES,
            source=Feedback.Source.CONFIRMATION
            if row.state == State.CONFIRMED and row.source != BY_PERSON
            else Feedback.Source.CORRECTION,
            user_id=row.decided_by_id,
        )
        for row in rows
        if row.state != State.OPEN
    ]


def _copy(rows: Sequence[ConversationSignal]) -> None:
    """What ``copy_signals`` writes for one ticket, for all of them at once."""
    said: dict[int, list[dict[str, object]]] = defaultdict(list)
    says: dict[int, set[str]] = defaultdict(set)
    messages: dict[int, Message] = {}
    for row in rows:
        if row.state == State.DISMISSED:
            continue
        messages[row.message_id] = row.message
        says[row.message.ticket_id].add(row.kind)
        if row.kind in ON_MESSAGES:
            told = {"id": row.pk, "kind": row.kind, "state": row.state, "due_at": None}
            rounded = None if row.probability is None else round(row.probability, 4)
            said[row.message_id].append({**told, "probability": rounded})
    for pk, message in messages.items():
        message.said = said[pk]
    Message.objects.bulk_update(messages.values(), ["said"], batch_size=300)
    tickets = list(Ticket.objects.filter(pk__in=says).only("pk"))
    for ticket in tickets:
        ticket.says = f" {' '.join(sorted(says[ticket.pk]))} "
    Ticket.objects.bulk_update(tickets, ["says"], batch_size=300)
