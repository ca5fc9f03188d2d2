"""Answers that leave later: scheduled, held back when something comes between, sent, edited or thrown away.

What an answer does to its ticket happens when it leaves, not before. Its time is the ``not_before`` of one outbox row; a
row that no longer fits its draft's version is withheld.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import SYSTEM
from core.models import Event, Outbound
from core.outbox import cancel_outbound, enqueue_outbound
from core.services.notify_user import notify_user
from people.viewer import Viewer, system_viewer
from tickets.answer_cc import with_cc
from tickets.events import ANSWER_HELD, ANSWER_SCHEDULED, SCHEDULED_ANSWER_CANCELLED
from tickets.message_text import storable
from tickets.models import Draft, Message, Status, Ticket
from tickets.recipients import recipients_of_answer
from tickets.services.reply_to_ticket import STATUSES_AFTER, newest_message, reply_to_ticket
from tickets.services.save_draft import locked_draft, put_back
from tickets.services.take_draft import WrittenIn, files_taken
from tickets.ticket_rows import lock_ticket

SENDER_KIND = "tickets.scheduled_answer"
FARTHEST = timedelta(days=366)
_WAITING = (Draft.State.SCHEDULED, Draft.State.HELD)


@transaction.atomic
def schedule_answer(
    *,
    ticket: Ticket,
    body: str,
    send_at: datetime,
    by: Viewer,
    status: str = "",
    cc: Sequence[str] | None = None,
    hold_if_customer_writes: bool = True,
    seen_message_id: int | None = None,
    token: str = "",
    draft: Draft | WrittenIn | None = None,
) -> Draft:
    """Let an answer leave at ``send_at``; ``status`` is the ticket's status afterwards, as for ``reply_to_ticket``.

    ``seen_message_id`` is the newest message that the writer has seen (None: the newest there is): what the customer wrote
    after it holds the answer.
    ``draft`` is what it was written in, as for ``reply_to_ticket``. ``token`` names the form: sent twice it is scheduled once.
    Raises ValidationError naming the field.
    """
    by.require("tickets.reply")
    locked = lock_ticket(ticket.pk, by)
    again = Draft.objects.filter(ticket=locked, token=token, state__in=_WAITING).first() if token else None
    if again is not None:
        return again
    text = storable(body).strip()
    now = timezone.now()
    _check(locked, text, send_at, status, now)
    if not with_cc(recipients_of_answer(locked), cc).to:
        raise ValidationError({"body": _("The contact has no e-mail address to answer to.")})
    newest = newest_message(locked)
    waiting = Draft.objects.create(
        ticket=locked,
        user_id=by.user_id,
        kind=Draft.Kind.REPLY,
        state=Draft.State.SCHEDULED,
        body=text,
        cc=None if cc is None else list(cc),
        files=files_taken(draft, text),
        token=token,
        status_after=status,
        send_at=send_at,
        hold_if_customer_writes=hold_if_customer_writes,
        seen_message_id=seen_message_id or (None if newest is None else newest.pk),
        created_at=now,
        updated_at=now,
    )
    ANSWER_SCHEDULED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"at": send_at, "draft": waiting.pk},
    )
    _enqueue(waiting, locked)
    return waiting


@transaction.atomic
def send_scheduled_now(*, answer: Draft, by: Viewer, undo_seconds: int = 0) -> Message:
    """Send a scheduled or held answer at once, whoever has written meanwhile. Raises ValidationError, Draft.DoesNotExist."""
    by.require("tickets.reply")
    ticket = lock_ticket(answer.ticket_id, by)
    waiting = _take_out(answer)
    return reply_to_ticket(
        ticket=ticket,
        body=waiting.body,
        by=by,
        status=waiting.status_after,
        token=token_of(waiting),
        cc=waiting.cc,
        undo_seconds=undo_seconds,
        draft=waiting,
    )


@transaction.atomic
def edit_scheduled(*, answer: Draft, by: Viewer) -> Draft:
    """Put a scheduled or held answer back into the viewer's draft, above what is there. Raises ValidationError."""
    by.require("tickets.reply")
    ticket = lock_ticket(answer.ticket_id, by)
    waiting = _take_out(answer)
    draft = locked_draft(ticket, Draft.Kind.REPLY, by)
    put_back(draft, body=waiting.body, files=waiting.files, cc=waiting.cc)
    waiting.delete()
    _record_cancelled(ticket, waiting, by, "edited")
    return draft


@transaction.atomic
def discard_scheduled(*, answer: Draft, by: Viewer) -> None:
    """Throw a scheduled or held answer away. Raises ValidationError when it has left."""
    by.require("tickets.reply")
    ticket = lock_ticket(answer.ticket_id, by)
    waiting = _take_out(answer)
    waiting.delete()
    _record_cancelled(ticket, waiting, by, "discarded")


@transaction.atomic
def release_scheduled(*, draft_id: int, version: int) -> Message | None:
    """Send a scheduled answer whose time has come, or hold it; the outbox calls this. None when nothing was sent."""
    found = Draft.objects.filter(pk=draft_id, state=Draft.State.SCHEDULED, version=version).first()
    if found is None:
        return None
    ticket = lock_ticket(found.ticket_id)
    waiting = Draft.objects.select_for_update().select_related(None).filter(pk=draft_id).first()
    if waiting is None or waiting.state != Draft.State.SCHEDULED or waiting.version != version:
        return None
    obstacle = obstacle_of(waiting, ticket)
    if obstacle:
        _hold(waiting, ticket, obstacle, by=system_viewer("outbox"))
        return None
    writer = (
        system_viewer("outbox")
        if waiting.user_id is None or waiting.user is None
        else waiting.user.as_viewer("outbox")
    )
    try:
        with transaction.atomic():
            return reply_to_ticket(
                ticket=ticket,
                body=waiting.body,
                by=writer,
                status=waiting.status_after,
                token=token_of(waiting),
                cc=waiting.cc,
                draft=waiting,
            )
    except ValidationError as error:
        detail = " ".join(error.messages)
    except (PermissionDenied, Ticket.DoesNotExist):
        detail = _("Its writer may not answer this ticket any more.")
    _hold(waiting, ticket, Draft.HeldBecause.REFUSED, by=system_viewer("outbox"), detail=detail)
    return None


@transaction.atomic
def hold_scheduled(*, ticket_id: int, cause: Event | None = None) -> int:
    """Hold the scheduled answers of a ticket that should not leave any more; returns how many were held."""
    if not Draft.objects.filter(ticket_id=ticket_id, state=Draft.State.SCHEDULED).exists():
        return 0
    ticket = lock_ticket(ticket_id)
    held = 0
    for waiting in Draft.objects.select_for_update().filter(ticket=ticket, state=Draft.State.SCHEDULED):
        obstacle = obstacle_of(waiting, ticket)
        if obstacle:
            _cancel_row(waiting, "held")
            _hold(waiting, ticket, obstacle, by=system_viewer("task"), cause=cause)
            held += 1
    return held


def obstacle_of(waiting: Draft, ticket: Ticket) -> str:
    """Why a scheduled answer should not leave, one of Draft.HeldBecause; empty when it may."""
    if ticket.merged_into_id is not None:
        return Draft.HeldBecause.MERGED
    if ticket.status.category == Status.Category.CLOSED:
        return Draft.HeldBecause.CLOSED
    if not waiting.hold_if_customer_writes:
        return ""
    inbound = ticket.messages.filter(kind=Message.Kind.INBOUND, is_automatic=False)
    newer = inbound.filter(pk__gt=waiting.seen_message_id or 0).exists()
    return Draft.HeldBecause.CUSTOMER_WROTE if newer else ""


def token_of(waiting: Draft) -> str:
    """The form token of the message that a scheduled answer becomes: it cannot become two."""
    return f"scheduled:{waiting.pk}"


def key_of(waiting: Draft) -> str:
    """The idempotency key of its outbox row."""
    return f"scheduled:{waiting.pk}:{waiting.version}"


def _check(ticket: Ticket, text: str, send_at: datetime, status: str, now: datetime) -> None:
    if not text:
        raise ValidationError({"body": _("Write something.")})
    if status and status not in STATUSES_AFTER:
        raise ValidationError({"status": _("Choose one of: %s.") % ", ".join(STATUSES_AFTER)})
    if send_at <= now:
        raise ValidationError({"send_at": _("Choose a time that is still to come.")})
    if send_at > now + FARTHEST:
        raise ValidationError({"send_at": _("Choose a time within a year.")})
    if ticket.merged_into_id is not None:
        raise ValidationError({"body": _("This ticket was merged into another one: answer there.")})


def _enqueue(waiting: Draft, ticket: Ticket) -> None:
    enqueue_outbound(
        kind=SENDER_KIND,
        idempotency_key=key_of(waiting),
        payload={"draft": waiting.pk, "version": waiting.version},
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        not_before=waiting.send_at,
    )


def _take_out(answer: Draft) -> Draft:
    """The waiting answer, locked, with its outbox row cancelled; raises ValidationError when it has left or is gone."""
    waiting = Draft.objects.select_for_update().filter(pk=answer.pk, state__in=_WAITING).first()
    if waiting is None:
        raise ValidationError(_("This answer has left already, or somebody has thrown it away."))
    if waiting.state == Draft.State.SCHEDULED:
        _cancel_row(waiting, "taken out")
    return waiting


def _cancel_row(waiting: Draft, reason: str) -> None:
    """Cancel the row if it still waits; one that is on its way finds the draft changed and does nothing."""
    outbound = Outbound.objects.filter(idempotency_key=key_of(waiting)).first()
    if outbound is not None:
        cancel_outbound(outbound=outbound, reason=reason)


def _hold(
    waiting: Draft,
    ticket: Ticket,
    because: str,
    *,
    by: Viewer,
    detail: str = "",
    cause: Event | None = None,
) -> None:
    waiting.state = Draft.State.HELD
    waiting.held_because = because
    waiting.held_detail = detail[:300]
    waiting.version += 1
    waiting.updated_at = timezone.now()
    waiting.save()
    event = ANSWER_HELD.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"draft": waiting.pk, "reason": because},
        cause=cause,
    )
    if waiting.user_id is not None:
        notify_user(
            user_id=waiting.user_id,
            by=SYSTEM,
            text=_("Your scheduled answer to #%(number)d was held: %(why)s")
            % {"number": ticket.number, "why": waiting.get_held_because_display()},
            url=f"/inbox/{ticket.pk}/",
            verb=ANSWER_HELD.verb,
            cause=event,
            group=f"ticket:{ticket.pk}",
        )


def _record_cancelled(ticket: Ticket, waiting: Draft, by: Viewer, reason: str) -> None:
    SCHEDULED_ANSWER_CANCELLED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"at": waiting.send_at, "reason": reason},
    )
