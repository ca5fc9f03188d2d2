"""Take an answer back that has not left yet, with what it did to its ticket."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event, Outbound
from core.outbox import cancel_outbound
from core.search.documents import forget
from people.viewer import Viewer
from tickets.answer_effects import untouched_since, value_of
from tickets.events import REPLY_UNDONE, UNASSIGNED
from tickets.message_text import preview
from tickets.models import AnswerUndo, Draft, Message, Status, Ticket
from tickets.recipients import mailboxes
from tickets.rich_text import without_marks
from tickets.search_index import MESSAGE
from tickets.services.apply_sla import set_deadlines
from tickets.services.change_status import move_to
from tickets.services.save_draft import locked_draft, put_back
from tickets.services.take_draft import entries_of
from tickets.ticket_rows import lock_ticket, save_ticket

# These follow from the status, which is put back by the rule of statuses.
_WITH_STATUS = frozenset({"status_id", "status_category"})


@transaction.atomic
def undo_answer(*, message: Message, by: Viewer) -> Ticket:
    """Cancel the answer in the outbox, take it out of the conversation and give its text and files back to the draft.

    What it changed on the ticket becomes what it was, except where something else has changed it since. Only its author
    can do this, and only until the mail begins to leave: raises ValidationError.
    """
    by.require("tickets.reply")
    ticket = lock_ticket(message.ticket_id, by)
    undo = AnswerUndo.objects.select_related("message").filter(message_id=message.pk).first()
    if undo is None or undo.message.author_id != by.user_id:
        raise ValidationError(_("This answer cannot be taken back any more."))
    answer = undo.message
    outbound = Outbound.objects.filter(idempotency_key=f"message:{answer.pk}").first()
    if outbound is None or not cancel_outbound(outbound=outbound, reason=str(_("taken back")), untried=True):
        raise ValidationError(_("Too late: the answer is already leaving."))
    event = REPLY_UNDONE.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"message": answer.pk},
    )
    _put_ticket_back(ticket, undo.changed, by, event)
    _look_at_the_rest(ticket, answer, undo.changed)
    set_deadlines(ticket)
    if by.user_id is not None:
        computed_cc = [entry.address for entry in mailboxes({"cc": answer.recipients.get("cc") or []})]
        put_back(
            locked_draft(ticket, Draft.Kind.REPLY, by),
            body=answer.body_text,
            files=entries_of(answer),
            cc=computed_cc or None,
        )
    forget(MESSAGE, [answer.pk])
    answer.delete()
    save_ticket(ticket)
    return ticket


def _put_ticket_back(ticket: Ticket, changed: dict[str, list[Any]], by: Viewer, event: Event) -> None:
    values = untouched_since(ticket, changed)
    taken_by = ticket.assignee_id
    if "status_id" in values:
        before, reopened = Status.objects.get(pk=values["status_id"]), ticket.reopen_count
        move_to(ticket, before, by=by, reason="undo", at=timezone.now(), cause=event)
        ticket.reopen_count = reopened
    for name, value in values.items():
        if name not in _WITH_STATUS:
            setattr(ticket, name, value)
    if "outbound_count" in changed and "outbound_count" not in values:
        ticket.outbound_count = max(ticket.outbound_count - 1, 0)
    waited = value_of("waiting_since", changed.get("waiting_since", [None])[0])
    if waited is not None and ticket.waiting_since is not None:
        ticket.waiting_since = min(waited, ticket.waiting_since)
    if "assignee_id" in values and values["assignee_id"] is None and taken_by is not None:
        UNASSIGNED.record(
            by=by,
            subject_id=ticket.pk,
            ticket_id=ticket.pk,
            account_id=ticket.account_id,
            detail={"from": taken_by, "to": None, "reason": "undo", "automatic": True},
            cause=event,
        )


def _look_at_the_rest(ticket: Ticket, answer: Message, changed: dict[str, list[Any]]) -> None:
    """What was before may have been another answer that is gone, too: these columns follow from what remains."""
    rest = ticket.messages.exclude(pk=answer.pk).exclude(kind=Message.Kind.NOTE)
    newest = rest.order_by("created_at", "pk").last()
    if newest is None:
        return
    ours = newest.kind == Message.Kind.OUTBOUND
    ticket.last_message_at = newest.created_at
    ticket.last_message_inbound = not ours
    words = without_marks(newest.body_text) if ours else newest.body_text
    ticket.last_message_preview = preview(words, newest.quote_offsets)
    if ours:
        ticket.waiting_since = None
    first = rest.filter(kind=Message.Kind.OUTBOUND).order_by("created_at", "pk").first()
    answered_at = None if first is None else first.created_at
    stamped = ticket.first_responded_at
    gone = stamped is not None and (answered_at is None or answered_at > stamped)
    if gone or "first_responded_at" in changed:
        ticket.first_responded_at = answered_at
