"""People say what a message really says: confirm or dismiss a signal, add one, tick a promise off."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.models import Feedback
from ml.services.record_feedback import record_feedback
from people.viewer import Viewer
from tickets.events import PROMISE_KEPT, SIGNAL_JUDGED
from tickets.models import ConversationSignal, Message, Ticket
from tickets.promises.deadlines import remind_moment
from tickets.services.copy_signals import copy_signals
from tickets.services.note_promises import record_promises
from tickets.ticket_rows import lock_ticket

Kind, State = ConversationSignal.Kind, ConversationSignal.State
BY_PERSON = "person"
_STATES = {
    True: {State.OPEN, State.DISMISSED, State.KEPT},
    False: {State.CONFIRMED, State.DISMISSED},
}


@transaction.atomic
def judge_signal(
    *,
    signal: ConversationSignal,
    by: Viewer,
    state: str = "",
    due_at: datetime | None = None,
) -> ConversationSignal:
    """Set the state of a signal, and the deadline of a promise; the judgement is a label of the next training.

    Signals of customers are confirmed or dismissed; promises kept, dismissed or open. Raises ValidationError naming the field.
    """
    by.require("tickets.edit")
    ticket = lock_ticket(signal.message.ticket_id, by, merged_too=True)
    row = ConversationSignal.objects.select_related("message").get(pk=signal.pk)
    is_promise, before = row.kind == Kind.PROMISE, row.state
    wanted = state or before
    if state and state not in _STATES[is_promise]:
        raise ValidationError(
            {"state": _("Choose one of: %s.") % ", ".join(sorted(map(str, _STATES[is_promise])))}
        )
    if due_at is not None and not is_promise:
        raise ValidationError({"due_at": _("Only promises have a deadline.")})
    if due_at is not None and due_at <= row.said_at:
        raise ValidationError({"due_at": _("The deadline must be after the promise.")})
    if wanted == before and due_at in {None, row.due_at}:
        return row
    now = timezone.now()
    row.due_at = due_at or row.due_at
    if due_at is not None and before == State.BROKEN and due_at > now and not state:
        wanted = State.OPEN
    row.state, row.decided_by_id, row.decided_at = wanted, by.user_id, now
    row.kept_by = None
    is_awaited = is_promise and wanted == State.OPEN and row.due_at is not None and row.due_at > now
    row.remind_at = remind_moment(row.due_at, now) if is_awaited and row.due_at else None
    row.save()
    copy_signals(tickets=[ticket], message_ids=[row.message_id])
    _record(row, ticket, before, by)
    if state in {State.CONFIRMED, State.DISMISSED}:
        _label(row, is_true=state != State.DISMISSED, predicted="yes", by=by)
    if wanted == State.KEPT:
        record_promises(PROMISE_KEPT, [row], ticket, by=by)
    return row


@transaction.atomic
def add_signal(*, message: Message, kind: str, by: Viewer) -> ConversationSignal:
    """Say that a customer's message says something that the model missed; what was dismissed before is confirmed.

    Raises ValidationError naming ``kind`` or ``message``.
    """
    by.require("tickets.edit")
    ticket = lock_ticket(message.ticket_id, by, merged_too=True)
    if kind not in Kind.values or kind == Kind.PROMISE:
        choices = [value for value in Kind.values if value != Kind.PROMISE]
        raise ValidationError({"kind": _("Choose one of: %s.") % ", ".join(choices)})
    if message.kind != Message.Kind.INBOUND:
        raise ValidationError({"message": _("Only what a customer wrote says this.")})
    present = ConversationSignal.objects.filter(message=message, kind=kind).first()
    if present is not None:
        return judge_signal(signal=present, state=State.CONFIRMED, by=by)
    row = ConversationSignal.objects.create(
        message=message, kind=kind, state=State.CONFIRMED, source=BY_PERSON, said_at=message.created_at,
        decided_by_id=by.user_id, decided_at=timezone.now(),
    )  # fmt: skip
    copy_signals(tickets=[ticket], message_ids=[message.pk])
    _record(row, ticket, "", by)
    _label(row, is_true=True, predicted="no", by=by)
    return row


def _record(row: ConversationSignal, ticket: Ticket, before: str, by: Viewer) -> None:
    SIGNAL_JUDGED.record(
        by=by,
        subject_id=row.message_id,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"signal": row.pk, "kind": row.kind, "from": before, "to": row.state},
    )


def _label(row: ConversationSignal, *, is_true: bool, predicted: str, by: Viewer) -> None:
    told = "yes" if is_true else "no"
    source = Feedback.Source.CONFIRMATION if told == predicted else Feedback.Source.CORRECTION
    record_feedback(
        task=f"signal.{row.kind}",
        subject_kind="message",
        subject_id=row.message_id,
        label=told,
        source=source,
        by=by,
        predicted=predicted,
    )
