"""Keep what our answers promise, and see by them which earlier promises are kept."""

from django.db import transaction
from django.db.models import Q

from core.events import EventType
from core.models import Event
from people.viewer import Viewer
from tickets.events import PROMISE_KEPT, PROMISE_MADE
from tickets.families import family_ids, merge_target
from tickets.message_text import new_text
from tickets.models import ConversationSignal, Message, Ticket
from tickets.promises.deadlines import business_days_of, due_moment, place_of, remind_moment
from tickets.promises.phrases import promises_in
from tickets.rich_text import without_marks
from tickets.services.copy_signals import copy_signals
from tickets.ticket_rows import lock_ticket

State = ConversationSignal.State
RULES = "rules/promises-1"
# A shorter answer without files ("Thank you!") brings nothing.
LEAST_CONTENT = 40


@transaction.atomic
def note_promises(*, message_id: int, by: Viewer, cause: Event | None = None) -> int:
    """Store the promises of an answer, once; returns how many were new. An answer that is gone promises nothing.

    Promises of earlier answers in the conversation, merged tickets included, whose time had not passed when it was written are
    kept by an answer with content: a file, or words that are no new promise.
    """
    by.require("tickets.edit")
    found = (
        Message.objects.filter(pk=message_id, kind=Message.Kind.OUTBOUND, is_automatic=False)
        .select_related("author__working_hours", "ticket__sla_policy__calendar")
        .first()
    )
    if found is None:
        return 0
    if found.signals.filter(kind=ConversationSignal.Kind.PROMISE).exists():
        return 0  # read before
    ticket = lock_ticket(found.ticket_id)
    fresh = _store(found)
    kept = _keep(found, ticket, is_promise=bool(fresh))
    if fresh or kept:
        copy_signals(tickets=[ticket], message_ids={found.pk, *(row.message_id for row in kept)})
    record_promises(PROMISE_MADE, fresh, ticket, by=by, cause=cause)
    record_promises(PROMISE_KEPT, kept, ticket, by=by, cause=cause)
    return len(fresh)


def _store(message: Message) -> list[ConversationSignal]:
    zone, hours = place_of(message)
    sent = message.created_at.astimezone(zone)
    text = without_marks(new_text(message.body_text, message.quote_offsets))
    rows = []
    business_days = business_days_of(message, hours)
    for one in promises_in(text, sent, is_business_day=business_days):
        due_at = None if one.due is None else due_moment(one.due, sent, zone, hours)
        # Marks of form and folded quotes may stand between: then the words are not literally there.
        start = message.body_text.find(one.text)
        rows.append(
            ConversationSignal(
                message=message,
                kind=ConversationSignal.Kind.PROMISE,
                source=RULES,
                words=one.text[:500],
                start=one.start if start < 0 else start,
                end=None if start < 0 else start + len(one.text),
                due_at=due_at,
                remind_at=None if due_at is None else remind_moment(due_at, sent),
                said_at=message.created_at,
            )
        )
    # The same words twice are one promise.
    by_place = {row.start: row for row in rows}
    return ConversationSignal.objects.bulk_create(by_place.values())


def _keep(message: Message, ticket: Ticket, *, is_promise: bool) -> list[ConversationSignal]:
    """The promises that this answer keeps, stored as kept."""
    has_words = len(new_text(message.body_text, message.quote_offsets).strip()) >= LEAST_CONTENT
    if not message.attachments.exists() and (is_promise or not has_words):
        return []
    earlier = ConversationSignal.objects.promises().filter(
        # The day may have passed before the answer of that day was read.
        Q(state=State.OPEN, due_at=None)
        | Q(state=State.OPEN, due_at__gte=message.created_at)
        | Q(state=State.BROKEN, decided_at=None, due_at__gte=message.created_at),
        message__ticket__in=family_ids(merge_target(ticket)),
        said_at__lt=message.created_at,
    )
    kept = list(earlier.select_for_update(of=("self",)))
    for row in kept:
        row.state, row.kept_by, row.remind_at = State.KEPT, message, None
    ConversationSignal.objects.bulk_update(kept, ["state", "kept_by", "remind_at"])
    return kept


def record_promises(
    kind: EventType,
    rows: list[ConversationSignal],
    ticket: Ticket,
    *,
    by: Viewer,
    cause: Event | None = None,
    to: list[int] | None = None,
) -> None:
    """Record the same of several promises of a ticket; ``to`` are those who are told."""
    kind.record_many(
        by=by,
        rows=[
            {
                "subject_id": row.message_id,
                "ticket_id": ticket.pk,
                "account_id": ticket.account_id,
                "detail": {"signal": row.pk, "words": row.words, "due_at": row.due_at}
                | ({} if to is None else {"to": to}),
            }
            for row in rows
        ],
        cause=cause,
    )


@transaction.atomic
def recount_promises(*, ticket_id: int) -> None:
    """Copy the signals of a ticket anew after its messages changed; what an answer kept that was taken back is open again."""
    ticket = lock_ticket(ticket_id)
    orphaned = ConversationSignal.objects.filter(
        message__ticket__in=family_ids(merge_target(ticket)),
        state=State.KEPT,
        kept_by=None,
        decided_at=None,
    )
    reopened = list(orphaned)
    for row in reopened:
        row.state = State.OPEN
        row.remind_at = None if row.due_at is None else remind_moment(row.due_at, row.said_at)
    ConversationSignal.objects.bulk_update(reopened, ["state", "remind_at"])
    copy_signals(tickets=[ticket], message_ids=[row.message_id for row in reopened])
