"""Copy what conversations say to the rows that pages read: the message, and the ticket that its conversation goes on in."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from core.bulk_rows import update_rows
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


def copy_signals(*, tickets: Sequence[Ticket], message_ids: Collection[int] = ()) -> None:
    """Write ``Message.said`` of these messages, and ``says`` and ``promise_due_at`` of locked tickets or of those they were
    merged into. The rows in hand stay as they are. Five queries for any number of tickets, two more for each merged one."""
    update_rows(Message, ["said"], [(said, pk) for pk, said in _said_in(message_ids).items()])
    targets = {target.pk: target for target in map(merge_target, tickets)}
    alone = [pk for pk, target in targets.items() if not target.merged_count]
    told: dict[int, _Told] = defaultdict(_Told)
    valid = ConversationSignal.objects.valid()
    for target in targets.values():
        family = valid.filter(message__ticket__in=family_ids(target)) if target.merged_count else None
        if family is not None:
            for kind, state, due_at in family.order_by().values_list("kind", "state", "due_at"):
                told[target.pk].add(kind, state, due_at)
    if alone:
        rows = valid.filter(message__ticket__in=alone).order_by()
        for pk, kind, state, due_at in rows.values_list("message__ticket", "kind", "state", "due_at"):
            told[pk].add(kind, state, due_at)
    now = timezone.now()
    update_rows(
        Ticket,
        ["says", "promise_due_at", "updated_at"],
        [(told[pk].says, told[pk].due_at, now, pk) for pk in sorted(targets)],
    )


class _Told:
    """What a conversation says: its kinds but for promises, and when the next open promise is due."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.due_at: datetime | None = None

    def add(self, kind: str, state: str, due_at: datetime | None) -> None:
        """Take one valid signal in."""
        if kind != ConversationSignal.Kind.PROMISE:
            self.kinds.add(kind)
        elif state == ConversationSignal.State.OPEN and due_at is not None:
            self.due_at = due_at if self.due_at is None else min(self.due_at, due_at)

    @property
    def says(self) -> str:
        """As the column holds it: each kind between blanks."""
        return f" {' '.join(sorted(self.kinds))} " if self.kinds else ""


def _said_in(message_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """What pages show of each message."""
    said: dict[int, list[dict[str, Any]]] = {pk: [] for pk in sorted(message_ids)}
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
    return said
