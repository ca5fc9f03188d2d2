"""Answers that leave later: scheduled, held back when something comes between or sending fails, sent, edited or thrown away.

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
from core.services.notify_user import Notice, notify_people
from people.viewer import Viewer, system_viewer
from tickets.answer_cc import with_cc
from tickets.events import ANSWER_HELD, ANSWER_SCHEDULED, SCHEDULED_ANSWER_CANCELLED
from tickets.families import merge_target
from tickets.mentions import people_who_see
from tickets.message_text import storable
from tickets.models import Draft, Message, Status, Ticket
from tickets.recipients import recipients_of_answer
from tickets.reply_routes import NO_INBOX
from tickets.responsible import assignee_or_team, leads
from tickets.services.reply_to_ticket import STATUSES_AFTER, check_route, newest_message, reply_to_ticket
from tickets.services.save_draft import locked_draft, put_back
from tickets.services.take_draft import WrittenIn, files_taken
from tickets.ticket_rows import lock_both, lock_ticket

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
    via: int | None = None,
    into: int | None = None,
) -> Draft:
    """Let an answer leave at ``send_at``; ``status`` is the ticket's status afterwards, as for ``reply_to_ticket``.

    ``seen_message_id`` is the newest message that the writer has seen (None: the newest there is): what the customer wrote
    after it holds the answer.
    The conversation is settled now: whoever else writes until then does not get the answer.
    ``draft``, ``via`` and ``into`` are as for ``reply_to_ticket``. ``token`` names the form: sent twice it is scheduled once.
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
    route = check_route(locked, via, into=into)
    if (route is None or route.by_mail) and not with_cc(recipients_of_answer(locked), cc).to:
        raise ValidationError({"body": _("The contact has no e-mail address to answer to.")})
    newest = newest_message(locked)
    waiting = Draft.objects.create(
        ticket=locked,
        user_id=by.user_id,
        api_key_id=by.api_key_id,
        kind=Draft.Kind.REPLY,
        state=Draft.State.SCHEDULED,
        body=text,
        cc=None if cc is None else list(cc),
        inbox_id=via or None,
        by_mail=via == NO_INBOX,
        into=None if route is None else route.into,
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
        via=waiting.via,
        into=waiting.into,
    )


@transaction.atomic
def edit_scheduled(*, answer: Draft, by: Viewer) -> Draft:
    """Put a scheduled or held answer back into the viewer's draft, above what is there; that of a merged ticket where the
    ticket goes on. Raises ValidationError."""
    by.require("tickets.reply")
    ticket, end = _lock_with_end(answer, by)
    waiting = _take_out(answer)
    draft = locked_draft(end, Draft.Kind.REPLY, by)
    put_back(draft, body=waiting.body, files=waiting.files, cc=waiting.cc, via=waiting.via, into=waiting.into)
    waiting.delete()
    _record_cancelled(ticket, waiting, by, "edited")
    return draft


@transaction.atomic
def discard_scheduled(*, answer: Draft, by: Viewer) -> None:
    """Throw a scheduled or held answer away. Raises ValidationError when it has left."""
    by.require("tickets.reply")
    ticket = lock_ticket(answer.ticket_id, by, merged_too=True)
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
    obstacle, detail = obstacle_of(waiting, ticket)
    writer = writer_of(waiting)
    if obstacle or writer is None:
        _hold(waiting, ticket, obstacle, by=system_viewer("outbox"), detail=detail)
        return None
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
                via=waiting.via,
                into=waiting.into,
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
    scheduled = Draft.objects.filter(ticket_id=ticket_id, state=Draft.State.SCHEDULED).order_by("pk")
    if not scheduled.exists():
        return 0
    ticket = lock_ticket(ticket_id)
    held = 0
    for waiting in scheduled:
        obstacle, detail = obstacle_of(waiting, ticket)
        if not obstacle:
            continue
        _cancel_row(waiting, "held")
        locked = scheduled.select_for_update().filter(pk=waiting.pk).first()
        if locked is not None:
            _hold(locked, ticket, obstacle, by=system_viewer("task"), detail=detail, cause=cause)
            held += 1
    return held


def hold_scheduled_of(
    *, user_id: int | None = None, api_key_id: int | None = None, cause: Event | None = None
) -> int:
    """Hold what a person or an integration has scheduled and may not answer any more; returns how many were held."""
    scheduled = Draft.objects.filter(state=Draft.State.SCHEDULED)
    theirs = (
        scheduled.filter(user_id=user_id) if user_id is not None else scheduled.filter(api_key_id=api_key_id)
    )
    ids = sorted(set(theirs.values_list("ticket_id", flat=True)))
    return sum(hold_scheduled(ticket_id=ticket_id, cause=cause) for ticket_id in ids)


@transaction.atomic
def hold_failed(*, draft_id: int, version: int, reason: str) -> None:
    """Hold a scheduled answer that the outbox has given up, so that it shows as failed and somebody decides.

    Does nothing when it has changed since. The row of the outbox is locked by the caller: the ticket's must not be asked for.
    """
    waiting = (
        Draft.objects.select_for_update(of=("self",))
        .filter(pk=draft_id, version=version, state=Draft.State.SCHEDULED)
        .first()
    )
    if waiting is not None:
        ticket = Ticket.objects.select_related("team").get(pk=waiting.ticket_id)
        _hold(waiting, ticket, Draft.HeldBecause.FAILED, by=system_viewer("outbox"), detail=reason)


def obstacle_of(waiting: Draft, ticket: Ticket) -> tuple[str, str]:
    """Why a scheduled answer should not leave: one of Draft.HeldBecause with what there is to say about it; empty when it
    may."""
    if ticket.merged_into_id is not None:
        return Draft.HeldBecause.MERGED, ""
    if ticket.status.category == Status.Category.CLOSED:
        return Draft.HeldBecause.CLOSED, ""
    writer = writer_of(waiting)
    if writer is None or not writer.can("tickets.reply"):
        return Draft.HeldBecause.WRITER, _why_not(waiting)
    if not Ticket.objects.visible_to(writer).filter(pk=ticket.pk).exists():
        return Draft.HeldBecause.WRITER, _("%s does not see this ticket any more.") % _name_of(waiting)
    if not waiting.hold_if_customer_writes:
        return "", ""
    inbound = ticket.messages.filter(kind=Message.Kind.INBOUND, is_automatic=False)
    newer = inbound.filter(pk__gt=waiting.seen_message_id or 0).exists()
    return (Draft.HeldBecause.CUSTOMER_WROTE if newer else ""), ""


def writer_of(waiting: Draft) -> Viewer | None:
    """The person or the integration that has scheduled an answer, with what it may do now; None when that is not known."""
    if waiting.user is not None:
        return waiting.user.as_viewer("outbox")
    return None if waiting.api_key is None else waiting.api_key.as_viewer().through("outbox")


def _name_of(waiting: Draft) -> str:
    if waiting.user is not None:
        return str(waiting.user)
    return str(waiting.api_key) if waiting.api_key is not None else _("An integration")


def _why_not(waiting: Draft) -> str:
    """Why the writer may not answer at all."""
    if waiting.user is not None and not waiting.user.is_active:
        return _("%s does not work here any more.") % waiting.user
    key = waiting.api_key
    if key is not None and key.revoked_at is not None:
        return _("The API key “%s” was revoked.") % key
    if key is not None and not key.is_usable:
        return _("The API key “%s” has expired.") % key
    return _("%s may not answer customers any more.") % _name_of(waiting)


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


def _lock_with_end(answer: Draft, by: Viewer) -> tuple[Ticket, Ticket]:
    """Lock the ticket of a waiting answer and the one in which it goes on, which is itself unless it was merged."""
    while True:
        end = merge_target(Ticket.objects.select_related("merged_into").get(pk=answer.ticket_id))
        if end.pk != answer.ticket_id and not Ticket.objects.visible_to(by).filter(pk=end.pk).exists():
            raise ValidationError({"ticket": _("It was merged into a ticket that you do not see.")})
        ticket, goes_on = lock_both(answer.ticket_id, end.pk, by, merged_too=True)
        if merge_target(ticket).pk == goes_on.pk:
            return ticket, goes_on


def _take_out(answer: Draft) -> Draft:
    """The waiting answer, locked, with its outbox row cancelled; raises ValidationError when it has left or is gone.

    The row before the draft, in the order in which the outbox locks them when it gives a row up.
    """
    found = Draft.objects.filter(pk=answer.pk, state=Draft.State.SCHEDULED).first()
    if found is not None:
        _cancel_row(found, "taken out")
    waiting = Draft.objects.select_for_update().filter(pk=answer.pk, state__in=_WAITING).first()
    if waiting is None:
        raise ValidationError(_("This answer has left already, or somebody has thrown it away."))
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
    why = str(waiting.get_held_because_display())
    said = {"number": ticket.number, "who": _name_of(waiting), "why": f"{why} {waiting.held_detail}".strip()}
    if because == Draft.HeldBecause.FAILED:
        own = _("Your scheduled answer to #%(number)d has not left: %(why)s")
        other = _("The scheduled answer of %(who)s to #%(number)d has not left: %(why)s")
    else:
        own = _("Your scheduled answer to #%(number)d was held: %(why)s")
        other = _("The scheduled answer of %(who)s to #%(number)d was held: %(why)s")
    notices = [
        Notice(
            user_id=user_id,
            text=(own if user_id == waiting.user_id else other) % said,
            url=f"/inbox/{ticket.pk}/",
            verb=ANSWER_HELD.verb,
            cause=event,
            group=f"ticket:{ticket.pk}",
        )
        for user_id in _told(waiting, ticket)
    ]
    notify_people(notices=notices, by=SYSTEM)


def _told(waiting: Draft, ticket: Ticket) -> list[int]:
    """Who is to decide about a held answer: its writer; when that is nobody who still can, whoever has made the key and whoever
    is responsible for the ticket, as far as they see it."""
    seeing = set(people_who_see(ticket).values_list("pk", flat=True))
    if (
        waiting.user_id in seeing
        and waiting.user is not None
        and waiting.user.as_viewer().can("tickets.reply")
    ):
        return [waiting.user_id] if waiting.user_id is not None else []
    maker = None if waiting.api_key is None else waiting.api_key.created_by_id
    responsible = [one for one in assignee_or_team(ticket) if one in seeing]
    people = responsible or [one for one in leads(ticket.team_id) if one in seeing]
    return sorted(one for one in {*people, maker} if one is not None and one in seeing)


def _record_cancelled(ticket: Ticket, waiting: Draft, by: Viewer, reason: str) -> None:
    SCHEDULED_ANSWER_CANCELLED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"at": waiting.send_at, "reason": reason},
    )
