"""Take an answer back that has not left yet, with what it and the same act did to its ticket."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event, Outbound
from core.outbox import cancel_outbound
from core.search.documents import forget
from people.models import User
from people.viewer import Viewer
from tickets.answer_effects import (
    FIELDS,
    TAGS,
    changes_between,
    followed_by,
    snapshot_with_rows,
    untouched_since,
    value_of,
)
from tickets.custom_fields import values_of
from tickets.events import REPLIED, REPLY_UNDONE, ROUTING_CORRECTED, SNOOZED
from tickets.models import AnswerUndo, Draft, Message, Status, Ticket, TicketTag, TicketType
from tickets.recipients import mailboxes
from tickets.reply_routes import NO_INBOX
from tickets.search_index import MESSAGE
from tickets.services.apply_sla import set_deadlines
from tickets.services.assign_ticket import give_to
from tickets.services.change_priority import set_priority
from tickets.services.change_status import move_to
from tickets.services.change_tags import change_tags
from tickets.services.change_type import change_type
from tickets.services.recount_messages import recount_messages
from tickets.services.save_draft import locked_draft, put_back
from tickets.services.set_field_values import set_field_values
from tickets.services.snooze_ticket import wake
from tickets.services.take_draft import entries_of
from tickets.ticket_rows import lock_ticket, save_ticket

# Put back with what they follow from, by the rules of the status, the priority and the type.
_FOLLOWING = frozenset(
    {
        "status_id",
        "status_category",
        "priority",
        "priority_rank",
        "sla_policy_id",
        "sla_policy_version",
        "type_id",
    }
)


@contextmanager
def undone_together(message: Message, ticket: Ticket) -> Iterator[None]:
    """What is done to the ticket within belongs to the act of the answer: taking the answer back takes it back, too.

    For a transaction that holds the ticket's row. Costs nothing for an answer that cannot be taken back.
    """
    undo = AnswerUndo.objects.filter(message=message).first() if message.leaves_at is not None else None
    if undo is None:
        yield
        return
    before = snapshot_with_rows(Ticket.objects.get(pk=ticket.pk))
    yield
    after = snapshot_with_rows(Ticket.objects.get(pk=ticket.pk))
    undo.changed = followed_by(undo.changed, changes_between(before, after))
    undo.save(update_fields=["changed"])


@transaction.atomic
def undo_answer(*, message: Message, by: Viewer) -> Ticket:
    """Cancel the answer in the outbox, take it out of the conversation and give its text and files back to the draft.

    What it changed on the ticket becomes what it was, except where something else has changed it since; so does what the
    same act did (``undone_together``). Only its author can do this, and only until the mail begins to leave: raises
    ValidationError.
    """
    by.require("tickets.reply")
    ticket = lock_ticket(message.ticket_id, by)
    undo = AnswerUndo.objects.select_related("message").filter(message_id=message.pk).first()
    if undo is None or not _wrote(undo.message, by):
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
    changed = undo.changed
    _put_ticket_back(ticket, changed, by, event)
    if by.user_id is not None:
        computed_cc = [entry.address for entry in mailboxes({"cc": answer.recipients.get("cc") or []})]
        put_back(
            locked_draft(ticket, Draft.Kind.REPLY, by),
            body=answer.body_text,
            files=entries_of(answer),
            cc=computed_cc or None,
            via=NO_INBOX if answer.inbox_id is None and answer.channel == "email" else answer.inbox_id,
        )
    forget(MESSAGE, [answer.pk])
    answer.delete()
    _look_at_the_rest(ticket, changed)
    set_deadlines(ticket)
    save_ticket(ticket)
    return _put_rows_back(ticket, changed, by)


def _wrote(answer: Message, by: Viewer) -> bool:
    """Whether the viewer is who answered: messages know people only, of integrations the event tells."""
    if answer.author_id is not None or by.user_id is not None:
        return answer.author_id == by.user_id
    event = Event.objects.filter(ticket_id=answer.ticket_id, verb=REPLIED.verb, subject_id=answer.pk).first()
    return event is not None and (event.actor_kind, event.actor_id) == (by.actor_kind, by.actor_id)


def _put_ticket_back(ticket: Ticket, changed: Mapping[str, list[Any]], by: Viewer, event: Event) -> None:
    values = untouched_since(ticket, changed)
    if "status_id" in values:
        before, reopened = Status.objects.get(pk=values["status_id"]), ticket.reopen_count
        move_to(ticket, before, by=by, reason="undo", at=timezone.now(), cause=event)
        ticket.reopen_count = reopened
    if "priority" in values:
        set_priority(ticket, values["priority"], by=by, cause=event)
    if "assignee_id" in values:
        before_that = User.objects.filter(pk=values["assignee_id"]).first()
        reason = _("An answer was taken back") if before_that else "undo"
        give_to(ticket, before_that, by=by, reason=reason, automatic=True, cause=event)
    if "snoozed_until" in values and values["snoozed_until"] is None:
        wake(ticket, by=by, reason="undo", cause=event)
    moved = {"category": ticket.category_id, "team": ticket.team_id}
    for name, value in values.items():
        if name not in _FOLLOWING:
            setattr(ticket, name, value)
    _record_moves(ticket, values, moved, by, event)


def _record_moves(
    ticket: Ticket, values: Mapping[str, Any], moved: Mapping[str, Any], by: Viewer, event: Event
) -> None:
    """Tell of what was put back as whoever does it by hand would."""
    about: dict[str, Any] = {
        "by": by,
        "subject_id": ticket.pk,
        "ticket_id": ticket.pk,
        "account_id": ticket.account_id,
        "cause": event,
    }
    if moved != {"category": ticket.category_id, "team": ticket.team_id}:
        now = {"category": ticket.category_id, "team": ticket.team_id}
        ROUTING_CORRECTED.record(**about, detail={"from": dict(moved), **now})
    if values.get("snoozed_until") is not None:
        SNOOZED.record(**about, detail={"until": ticket.snoozed_until})


def _look_at_the_rest(ticket: Ticket, changed: Mapping[str, list[Any]]) -> None:
    """What was before may have been another answer that is gone, too, or has got company by a merge since: these columns
    follow from what remains."""
    recount_messages(ticket)
    waited = value_of("waiting_since", changed.get("waiting_since", [None])[0])
    if waited is not None and ticket.waiting_since is not None:
        ticket.waiting_since = min(waited, ticket.waiting_since)
    rest = ticket.messages.exclude(kind=Message.Kind.NOTE)
    first = rest.filter(kind=Message.Kind.OUTBOUND).order_by("created_at", "pk").first()
    answered_at = None if first is None else first.created_at
    stamped = ticket.first_responded_at
    gone = stamped is not None and (answered_at is None or answered_at > stamped)
    if gone or "first_responded_at" in changed:
        ticket.first_responded_at = answered_at


def _put_rows_back(ticket: Ticket, changed: Mapping[str, list[Any]], by: Viewer) -> Ticket:
    """Type, tags and custom fields, each by its service; what is not in use any more stays as it is."""
    if not by.can("tickets.edit") or not {"type_id", TAGS, FIELDS} & set(changed):
        return ticket
    before, after = changed.get("type_id", [None, None])
    if before != after and ticket.type_id == after:
        with suppress(ValidationError):
            change_type(ticket=ticket, type=TicketType.objects.filter(pk=before).first(), by=by)
    if TAGS in changed:
        _put_tags_back(ticket, *changed[TAGS], by=by)
    if FIELDS in changed:
        _put_fields_back(ticket, *changed[FIELDS], by=by)
    return lock_ticket(ticket.pk, by)


def _put_tags_back(ticket: Ticket, before: list[str], after: list[str], *, by: Viewer) -> None:
    present = set(TicketTag.objects.filter(ticket=ticket).values_list("tag__name", flat=True))
    added, removed = set(after) - set(before), set(before) - set(after)
    with suppress(ValidationError):
        change_tags(ticket=ticket, add=sorted(removed - present), remove=sorted(added & present), by=by)


def _put_fields_back(ticket: Ticket, before: dict[str, Any], after: dict[str, Any], *, by: Viewer) -> None:
    present = values_of(Ticket.objects.get(pk=ticket.pk))
    for key in before.keys() | after.keys():
        was, became = before.get(key), after.get(key)
        if was != became and present.get(key) == became:
            with suppress(ValidationError):
                set_field_values(ticket=ticket, values={key: was}, by=by)
