"""Answer the customer."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.outbox import enqueue_outbound
from people.viewer import Viewer
from tickets.answer_cc import with_cc
from tickets.answer_effects import changes_between, snapshot
from tickets.answer_templates import words_of_template
from tickets.events import ASSIGNED, REPLIED
from tickets.incoming import IncomingFile
from tickets.message_text import PREVIEW_READS, preview, storable
from tickets.models import AnswerUndo, Draft, Message, Status, Ticket
from tickets.opt_outs import has_opted_out
from tickets.recipients import recipients_of_answer
from tickets.reply_routes import ReplyRoute, person_in, reply_route
from tickets.rich_text import as_html, without_marks
from tickets.services.apply_sla import next_due, note_answer
from tickets.services.change_status import move_to
from tickets.services.receive_message import add_files
from tickets.services.take_draft import WrittenIn, take_draft
from tickets.status_rows import status_of
from tickets.ticket_rows import lock_ticket, save_ticket

SENDER_KIND = "tickets.email_reply"
STATUSES_AFTER = ("open", "waiting", "on_hold", "resolved")
MOST_UNDO_SECONDS = 120


class NewerMessage(Exception):
    """Somebody wrote on the ticket after the state that the answer was written for; ``message`` is the newest one."""

    def __init__(self, message: Message) -> None:
        super().__init__(_("A newer message has arrived since you opened the ticket."))
        self.message = message


@transaction.atomic
def reply_to_ticket(
    *,
    ticket: Ticket,
    body: str,
    by: Viewer,
    status: str = "",
    seen_message_id: int | None = None,
    token: str = "",
    files: Sequence[IncomingFile] = (),
    cc: Sequence[str] | None = None,
    undo_seconds: int = 0,
    draft: Draft | WrittenIn | None = None,
    via: int | None = None,
    thread_key: str = "",
    into: int | None = None,
    template: Mapping[str, Any] | None = None,
) -> Message:
    """Write an answer and hand it to the outbox, once.

    ``status`` is the key of the status afterwards (one of STATUSES_AFTER; empty: a new ticket becomes open, others stay).
    ``seen_message_id`` is the newest message that the writer has seen: NewerMessage is raised when there is a newer one of
    a customer or a colleague (notes do not count). ``token`` names the form: sent twice it gives the first message again.
    Who answers an unassigned ticket takes it. ``body`` is the text as typed (``tickets.rich_text`` says what of it has a
    form). ``cc`` replaces the computed Cc. For ``undo_seconds`` the answer stays in the outbox, so that
    ``undo_answer`` can take it back. ``draft`` is what the answer was written in: its files go along, and it is gone
    afterwards. ``via`` is the inbox through which it leaves (None: where the customer wrote last, if answers leave there,
    else by e-mail), ``thread_key`` the conversation there, where the ticket has several (empty: the latest), ``into`` the one
    that the writer saw as ``ReplyRoute.into``, where another one may be the latest by now; ``template``
    ({"name", "language", "values"}) are words that a provider has approved for the time when one may not answer freely.
    Raises ValidationError naming the field.
    """
    by.require("tickets.reply")
    now = timezone.now()
    leaves_at = now + timedelta(seconds=min(undo_seconds, MOST_UNDO_SECONDS)) if undo_seconds > 0 else None
    locked = lock_ticket(ticket.pk, by)
    again = _same_form(locked, token)
    if again is not None:
        return again
    text = storable(body).strip()
    if not text and template is None:
        raise ValidationError({"body": _("Write something.")})
    after = _status_after(locked, status)
    _refuse_when_overtaken(locked, seen_message_id, by)
    route = check_route(locked, via, thread_key, into)
    if template is not None:
        text = words_of_template(route, template, has_files=bool(files))
    by_mail = route is None or route.by_mail
    recipients = with_cc(recipients_of_answer(locked), cc) if by_mail else None
    if recipients is not None and not recipients.to:
        raise ValidationError({"body": _("The contact has no e-mail address to answer to.")})
    if route is not None and not by_mail:
        if has_opted_out(route.channel, person_in(route.thread, locked)):
            raise ValidationError(
                {"body": _("The customer has stopped messages through %s.") % route.channel.label}
            )
        _refuse_what_cannot_leave(route, text, files, is_template=template is not None)
    inbox_id = locked.inbox_id if route is None else route.name or None
    before = snapshot(locked) if leaves_at is not None else {}
    message = Message.objects.create(
        ticket=locked,
        kind=Message.Kind.OUTBOUND,
        channel="email" if route is None else route.channel.key,
        inbox_id=inbox_id,
        template=None if template is None else dict(template),
        author_id=by.user_id,
        subject=locked.subject,
        body_text=text,
        body_html=as_html(text),
        recipients={} if recipients is None else recipients.as_json(),
        external_id=_form_id(locked, token),
        delivery=Message.Delivery.QUEUED,
        leaves_at=leaves_at,
        created_at=now,
    )
    add_files(message, files)
    take_draft(message, draft)
    event = REPLIED.record(
        by=by, subject_id=message.pk, ticket_id=locked.pk, account_id=locked.account_id, occurred_at=now
    )
    _note_answer(locked, text, now)
    if locked.assignee_id is None and by.user_id is not None:
        locked.assignee_id = by.user_id
        locked.assigned_reason = _("Answered first")
        ASSIGNED.record(
            by=by,
            subject_id=locked.pk,
            ticket_id=locked.pk,
            account_id=locked.account_id,
            detail={"from": None, "to": by.user_id, "reason": locked.assigned_reason, "automatic": True},
            cause=event,
        )
    if after is not None and after.pk != locked.status_id:
        move_to(locked, after, by=by, reason="reply", at=now, cause=event)
    locked.next_due_at = next_due(locked)
    save_ticket(locked, now=now)
    enqueue_outbound(
        kind=SENDER_KIND if route is None else route.channel.sender_kind,
        idempotency_key=f"message:{message.pk}",
        payload=_payload(message, None if by_mail else route),
        ticket_id=locked.pk,
        account_id=locked.account_id,
        not_before=leaves_at,
        is_new=True,
    )
    if leaves_at is not None:
        AnswerUndo.objects.create(message=message, changed=changes_between(before, snapshot(locked)))
    return message


def check_route(
    ticket: Ticket, via: int | None, thread_key: str = "", into: int | None = None
) -> ReplyRoute | None:
    """Return the way in which an answer would leave, None for e-mail to whoever wrote; raises ValidationError for one that
    does not lead to the customer."""
    route = reply_route(ticket, via, thread_key, into)
    if route is None and into:
        raise ValidationError(
            {
                "via": _(
                    "The conversation that this was written for cannot be answered any more: look who gets it."
                )
            }
        )
    if route is None and via is not None:
        raise ValidationError({"via": _("The customer cannot be answered through this inbox.")})
    return route


def _payload(message: Message, route: ReplyRoute | None) -> dict[str, int]:
    """What the sender needs to know. The conversation is settled now: what others write until it leaves redirects nothing."""
    payload = {"message": message.pk}
    if route is not None and route.thread is not None:
        payload |= {"inbox": route.name, "into": route.thread.pk}
    return payload


def _refuse_what_cannot_leave(
    route: ReplyRoute, text: str, files: Sequence[IncomingFile], *, is_template: bool
) -> None:
    """Raise ValidationError for what the channel does not carry, before anything is written."""
    able = route.channel.capabilities
    if route.is_closed and not is_template:
        raise ValidationError({"body": _("The time to answer freely is over: choose a template or e-mail.")})
    if able.longest_text is not None and len(without_marks(text)) > able.longest_text:
        raise ValidationError(
            {"body": _("Too long for this channel: %d characters at most.") % able.longest_text}
        )
    if files and not able.files:
        raise ValidationError({"files": _("This channel takes no files.")})
    for file in files:
        if able.largest_file is not None and len(file.content) > able.largest_file:
            raise ValidationError({"files": _("%s is too large for this channel.") % file.name})


def newest_message(ticket: Ticket) -> Message | None:
    """Return the newest message that is no note."""
    return ticket.messages.exclude(kind=Message.Kind.NOTE).order_by("-pk").first()


def _same_form(ticket: Ticket, token: str) -> Message | None:
    return ticket.messages.filter(external_id=_form_id(ticket, token)).first() if token else None


def _form_id(ticket: Ticket, token: str) -> str:
    return f"form:{ticket.pk}:{storable(token)}"[:255] if token else ""


def _status_after(ticket: Ticket, status: str) -> Status | None:
    """Return the status that the ticket gets, None when it keeps its own."""
    wanted = status or ("open" if ticket.status.category == Status.Category.NEW else "")
    if not wanted:
        return None
    if wanted not in STATUSES_AFTER:
        raise ValidationError({"status": _("Choose one of: %s.") % ", ".join(STATUSES_AFTER)})
    return status_of(wanted)


def _refuse_when_overtaken(ticket: Ticket, seen_message_id: int | None, by: Viewer) -> None:
    if seen_message_id is None:
        return
    newer = ticket.messages.filter(pk__gt=seen_message_id).exclude(kind=Message.Kind.NOTE)
    message = newer.exclude(kind=Message.Kind.OUTBOUND, author_id=by.user_id).order_by("-pk").first()
    if message is not None:
        raise NewerMessage(message)


def _note_answer(ticket: Ticket, text: str, now: datetime) -> None:
    """Bring the list columns and the stamp of the first answer up to date."""
    ticket.outbound_count += 1
    ticket.last_message_at = now
    ticket.last_message_preview = preview(without_marks(text[:PREVIEW_READS]))
    ticket.last_message_inbound = False
    ticket.unread = False
    note_answer(ticket, now)
