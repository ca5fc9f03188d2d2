"""The composer as templates draw it, what it posts, and what becomes of that."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from people.models import User
from people.requests import StaffRequest
from people.services.save_profile import UNDO_DEFAULT, UNDO_SECONDS
from people.viewer import Viewer
from tickets.answer_cc import is_outsider, split_addresses, with_cc
from tickets.answer_templates import places_of
from tickets.attachment_policy import attachment_policy
from tickets.downloads import PICTURE_TYPES
from tickets.drafts import own_draft, waiting_answers
from tickets.incoming import IncomingFile
from tickets.models import ChannelTemplate, Draft, Inbox, Message, Ticket
from tickets.outbound.email_answer import signature_of
from tickets.pages.lists import ListState
from tickets.presence import PresentPerson, others_replying
from tickets.recipients import Recipient, Recipients, recipients_of_answer
from tickets.reply_routes import NO_INBOX, ReplyRoute, reply_route, reply_routes
from tickets.rich_text import as_html
from tickets.send_later import send_times
from tickets.services.add_note import add_note
from tickets.services.answer_and_snooze import answer_and_snooze
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.schedule_answer import schedule_answer
from tickets.services.take_draft import WrittenIn

# What "next" in the form means for the ticket's status; the other words say what the person does next.
_STATUS_AFTER = {"resolve": "resolved", "resolve-next": "resolved", "waiting": "waiting"}
OPENS_NEXT = frozenset({"next", "resolve-next"})


class SomebodyReplying(Exception):
    """Colleagues are writing an answer to the same customer at this moment."""

    def __init__(self, people: Sequence[PresentPerson]) -> None:
        super().__init__()
        self.people = people


@dataclass(frozen=True)
class Posted:
    """What the composer posted. ``cc`` is None unless it was edited; ``anyway`` names the colleagues that the person has
    been warned of; ``version`` and ``file_ids`` are what its window knew of the draft, None where the form does not say."""

    kind: str = "reply"
    body: str = ""
    cc: tuple[str, ...] | None = None
    after: str = ""
    seen: int | None = None
    token: str = ""
    anyway: frozenset[int] = frozenset()
    when: str = ""
    at: str = ""
    hold: bool = True
    version: int | None = None
    file_ids: frozenset[str] | None = None
    via: int | None = None
    into: int | None = None
    template: int | None = None
    template_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """What somebody wrote when the server refused it; shown again with the reason."""

    body: str = ""
    kind: str = "reply"
    warning: str = ""
    error: str = ""
    cc: tuple[str, ...] | None = None
    anyway: tuple[int, ...] = ()
    via: int | None = None
    into: int | None = None
    template: int | None = None
    template_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """What was done, in words, and the way back."""

    text: str
    undo_url: str = ""
    seconds: int = 0


def read_post(request: StaffRequest) -> Posted:
    """Read the form of the composer; nothing in it is trusted."""
    post = request.POST
    via, into = read_way(post)
    seen = post.get("seen", "")
    kind = "note" if post.get("kind") == "note" else "reply"
    version, files = post.get(f"version_{kind}", ""), post.get(f"files_{kind}")
    named = (part for part in post.get("anyway", "").split(",") if part.isascii() and part.isdigit())
    return Posted(
        kind=kind,
        body=typed_text(post.get("body", "")),
        cc=tuple(split_addresses(post.getlist("cc"))) if post.get("cc_edited") == "1" else None,
        after=post.get("next", ""),
        seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 18 else None,
        token=post.get("token", "")[:64],
        anyway=frozenset(int(part) for part in named if len(part) < 18),
        when=post.get("when", ""),
        at=post.get("at", ""),
        hold=post.get("hold", "1") != "0",
        version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        file_ids=None if files is None else frozenset(filter(None, files.split(","))),
        via=via,
        into=into,
        template=_number_of(post.getlist("template"), post.get("via", "")),
        template_values=tuple(post.getlist("template_value")),
    )


def read_way(post: QueryDict) -> tuple[int | None, int | None]:
    """The inbox that a form of the composer says and the conversation there, None where it says neither."""
    via = post.get("via", "")
    inbox = int(via) if via.isascii() and via.isdigit() and len(via) < 18 else None
    return inbox, _number_of(post.getlist("into"), via)


def _number_of(chosen: Sequence[str], via: str) -> int | None:
    """The template or conversation for the inbox ``via``: every way has its own, "inbox:number"."""
    for one in chosen:
        inbox, _colon, number = one.partition(":")
        if inbox == via and number.isascii() and number.isdigit() and len(number) < 18:
            return int(number)
    return None


def typed_text(value: str) -> str:
    """A text as it was typed: forms carry line breaks of their own kind."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def write(request: StaffRequest, ticket: Ticket, posted: Posted) -> Written:
    """Do what the composer asks for. Raises ValidationError, NewerMessage, SomebodyReplying."""
    files = uploaded_files(request)
    draft = _written_in(ticket, posted, request.viewer)
    if posted.kind == "note":
        add_note(
            ticket=ticket, body=posted.body, by=request.viewer, token=posted.token, files=files, draft=draft
        )
        return Written(_("Note added"))
    replying = [one for one in others_replying(ticket, request.viewer) if one.user_id not in posted.anyway]
    if replying:
        raise SomebodyReplying(replying)
    if posted.when or posted.at:
        return _schedule(request, ticket, posted, draft, files)
    return _answer(request, ticket, posted, draft, files)


def _answer(
    request: StaffRequest, ticket: Ticket, posted: Posted, draft: WrittenIn | None, files: list[IncomingFile]
) -> Written:
    seconds = undo_seconds_of(request.user)
    status = _STATUS_AFTER.get(posted.after, "")
    answer: dict[str, Any] = {
        "ticket": ticket,
        "body": posted.body,
        "by": request.viewer,
        "status": status,
        "seen_message_id": posted.seen,
        "token": posted.token,
        "files": files,
        "cc": posted.cc,
        "undo_seconds": seconds,
        "draft": draft,
        "via": posted.via,
        "into": posted.into,
        "template": _template(posted),
    }
    if posted.after == "snooze":
        message = answer_and_snooze(until=_tomorrow_morning(ticket, request.user), **answer)
    else:
        message = reply_to_ticket(**answer)
    words = {
        "resolve": _("Sent and resolved"),
        "resolve-next": _("Sent and resolved"),
        "waiting": _("Sent, waiting for the customer"),
        "snooze": _("Sent, put aside until tomorrow"),
    }.get(posted.after, _("Sent"))
    undo = reverse("inbox-undo", args=[ticket.pk, message.pk]) if seconds else ""
    return Written(words, undo, seconds)


def _template(posted: Posted) -> dict[str, Any] | None:
    if posted.template is None:
        return None
    chosen = ChannelTemplate.objects.filter(pk=posted.template).first()
    name, language = ("", "") if chosen is None else (chosen.name, chosen.language)
    return {"name": name, "language": language, "values": list(posted.template_values)}


def template_parts(number: int | None, values: Sequence[str] = ()) -> dict[str, Any] | None:
    """A template as ``tickets/_template_fields.html`` draws it; None when there is none."""
    chosen = ChannelTemplate.objects.filter(pk=number or 0, is_usable=True).first()
    if chosen is None:
        return None
    numbers = places_of(chosen.body)
    filled_in = [*values, *[""] * len(numbers)][: len(numbers)]
    return {"id": chosen.pk, "body": chosen.body, "places": list(zip(numbers, filled_in, strict=True))}


def _schedule(
    request: StaffRequest, ticket: Ticket, posted: Posted, draft: WrittenIn | None, files: list[IncomingFile]
) -> Written:
    if files:
        raise ValidationError({"files": _("Wait until the files are uploaded, then choose the time again.")})
    if posted.template is not None:
        raise ValidationError({"template": _("A template leaves at once.")})
    at = chosen_time(ticket, request.user, posted.when, posted.at)
    schedule_answer(
        ticket=ticket,
        body=posted.body,
        send_at=at,
        by=request.viewer,
        status=_STATUS_AFTER.get(posted.after, ""),
        cc=posted.cc,
        hold_if_customer_writes=posted.hold,
        seen_message_id=posted.seen,
        token=posted.token,
        draft=draft,
        via=posted.via,
        into=posted.into,
    )
    return Written(_("Leaves %s") % moment_words(at))


def chosen_time(ticket: Ticket, user: User, when: str, at: str) -> datetime:
    """The moment that a key of ``send_times`` or a time typed in the person's zone names; raises ValidationError."""
    for offer in send_times(ticket, user):
        if offer.key == when:
            return offer.at
    try:
        typed = datetime.fromisoformat(at)
    except ValueError:
        raise ValidationError({"send_at": _("Choose a day and a time.")}) from None
    return timezone.make_aware(typed) if timezone.is_naive(typed) else typed


def moment_words(moment: datetime) -> str:
    """A moment in the person's zone: "today, 14:05", "Mon 3 Mar, 09:00"."""
    local = timezone.localtime(moment)
    clock = date_format(local, "H:i")
    if local.date() == timezone.localdate():
        return _("today, %s") % clock
    return _("%(day)s, %(time)s") % {"day": date_format(local, "D j M"), "time": clock}


def _tomorrow_morning(ticket: Ticket, user: User) -> datetime:
    return next(one.at for one in send_times(ticket, user) if one.key == "workday")


def undo_seconds_of(user: User) -> int:
    """How long the person's answers can be taken back."""
    chosen = user.preferences.get("undo_seconds", UNDO_DEFAULT)
    return int(chosen) if chosen in UNDO_SECONDS else UNDO_DEFAULT


def uploaded_files(request: StaffRequest) -> list[IncomingFile]:
    """The files posted with the form itself; raises ValidationError naming those that the policy refuses."""
    listed = request.FILES.getlist("files")
    if not listed:
        return []
    attachment_policy().check([(one.name or "", one.size or 0) for one in listed])
    return [
        IncomingFile(one.name or "", one.read(), one.content_type or "application/octet-stream")
        for one in listed
    ]


def _written_in(ticket: Ticket, posted: Posted, viewer: Viewer) -> WrittenIn | None:
    """The draft behind what was posted, as the window knew it."""
    found = Draft.objects.filter(
        ticket=ticket, user_id=viewer.user_id or 0, kind=posted.kind, state=Draft.State.DRAFT
    )
    draft_id = found.values_list("pk", flat=True).first()
    if draft_id is None:
        return None
    return WrittenIn(draft_id, posted.version, posted.token, posted.file_ids)


def composer_parts(
    ticket: Ticket,
    user: User,
    viewer: Viewer,
    state: ListState,
    *,
    drafts: Sequence[Draft],
    newest_message: int,
    attempt: Attempt | None = None,
    recipients: Recipients | None = None,
    messages: Sequence[Message] | None = None,
) -> dict[str, Any] | None:
    """The composer as ``ui/composer.html`` draws it; None for who may neither answer nor note.

    ``messages`` are the ticket's, oldest first, when they have been read.
    """
    may_reply, may_note = viewer.can("tickets.reply"), viewer.can("tickets.note")
    if not may_reply and not may_note:
        return None
    routes = reply_routes(ticket, messages)
    parts = {kind: draft_parts(ticket, kind, own_draft(drafts, kind)) for kind in Draft.Kind.values}
    for one in parts.values():
        one["files_json"] = json.dumps(one["files"])
        one["file_ids"] = ",".join(file["id"] for file in one["files"])
    if attempt is not None:
        parts[attempt.kind]["body"] = attempt.body
    reply = own_draft(drafts, Draft.Kind.REPLY)
    cc = attempt.cc if attempt is not None else tuple(reply.cc) if reply is not None and reply.cc else None
    kind = attempt.kind if attempt is not None else _kind_of(drafts)
    return {
        "reply_url": state.ticket_url(ticket.pk, "inbox-messages"),
        "draft_url": reverse("inbox-draft", args=[ticket.pk]),
        "files_url": reverse("inbox-draft-files", args=[ticket.pk]),
        "presence_url": reverse("inbox-presence", args=[ticket.pk]),
        "later_url": state.ticket_url(ticket.pk, "inbox-send-later"),
        "preview_url": reverse("inbox-preview", args=[ticket.pk]),
        "kinds": parts,
        "draft_kind": kind if may_reply else "note",
        "draft_key": f"{ticket.pk}-{viewer.user_id}",
        "warning": attempt.warning if attempt else "",
        "error": attempt.error if attempt else "",
        "anyway": ",".join(str(one) for one in attempt.anyway) if attempt else "",
        "seen": newest_message,
        "token": uuid4().hex,
        "attach": True,
        "may_reply": may_reply,
        "may_resolve": viewer.can("tickets.edit"),
        "signature": signature_of(user, _mail_inbox(ticket, routes)),
        **_route_parts(ticket, routes, attempt, reply),
        **recipient_parts(ticket, cc, recipients or recipients_of_answer(ticket)),
    }


def _mail_inbox(ticket: Ticket, routes: Sequence[ReplyRoute]) -> Inbox | None:
    """The inbox that a mail to the customer leaves from."""
    inbox = next((one.inbox for one in routes if one.by_mail), None)
    return inbox or ticket.inbox


def _route_parts(
    ticket: Ticket, routes: Sequence[ReplyRoute], attempt: Attempt | None, draft: Draft | None
) -> dict[str, Any]:
    """The ways in which the answer can leave, when there is more to choose or to see than e-mail.

    Chosen is that of the refused attempt, else that which the draft's writer saw.
    """
    if all(one.by_mail for one in routes):
        return {"routes": [], "via": "", "by_mail": True}
    wanted = attempt.via if attempt is not None else draft.via if draft is not None else None
    into = attempt.into if attempt is not None else draft.into if draft is not None else None
    seen = reply_route(ticket, wanted, into=into) if into else None
    if seen is not None:
        # What was seen before stays, also where somebody else has written since.
        routes = [seen if one.name == seen.name else one for one in routes]
        wanted = seen.name
    chosen = next((one for one in routes if wanted is not None and one.name == wanted), None)
    if chosen is None and wanted == NO_INBOX:
        chosen = next((one for one in routes if one.by_mail), None)
    chosen = chosen or routes[0]
    kept = template_parts(attempt.template, attempt.template_values) if attempt and attempt.template else None
    offered: dict[int, list[ChannelTemplate]] = {}
    if any(one.channel.capabilities.templates for one in routes):
        inboxes = [
            one.inbox for one in routes if one.channel.capabilities.templates and one.inbox is not None
        ]
        for template in ChannelTemplate.objects.filter(inbox__in=inboxes, is_usable=True):
            offered.setdefault(template.inbox_id, []).append(template)
    return {
        "template": kept,
        "template_url": reverse("inbox-template", args=[ticket.pk]),
        "routes": [
            {
                "value": one.name,
                "into": one.into,
                "label": str(one.channel.label) if one.by_mail else f"{one.channel.label} · {one.inbox}",
                "by_mail": one.by_mail,
                "address": one.address,
                "longest": one.channel.capabilities.longest_text or "",
                "closes_at": None if one.is_closed else one.closes_at,
                "is_closed": one.is_closed,
                "takes_templates": one.channel.capabilities.templates,
                "templates": offered.get(one.name, ()),
            }
            for one in routes
        ],
        "via": chosen.name,
        "by_mail": chosen.by_mail,
    }


def recipient_parts(ticket: Ticket, cc: Sequence[str] | None, computed: Recipients) -> dict[str, Any]:
    """To and Cc of the composer: each copy with whether it is new, and whether it is somebody from outside."""
    try:
        recipients = with_cc(computed, cc)
    except ValidationError:
        recipients, cc = computed, None
    chosen = {one.address.lower() for one in recipients.cc}
    gone = {one.address.lower(): one for one in (*computed.removed, *computed.cc)}
    return {
        "to": ", ".join(_mailbox(one) for one in recipients.to)
        or _("nobody: the contact has no e-mail address"),
        "cc": [
            {
                "address": one.address,
                "label": _mailbox(one),
                "added": one.is_new,
                "outsider": is_outsider(one, ticket),
            }
            for one in recipients.cc
        ],
        "removed": [_mailbox(one) for address, one in gone.items() if address not in chosen],
        "cc_edited": cc is not None,
    }


def draft_parts(ticket: Ticket, kind: str, draft: Draft | None) -> dict[str, Any]:
    """The draft of one kind: text, version, what another window has written, files."""
    return {
        "body": draft.body if draft else "",
        "version": draft.version if draft else 0,
        "overtaken": draft.overtaken if draft else "",
        "files": [file_parts(ticket, kind, one) for one in (draft.files if draft else ())],
    }


def file_parts(ticket: Ticket, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A file of a draft as the composer shows it."""
    address = reverse("inbox-draft-file", args=[ticket.pk, kind, entry["id"]])
    return {
        "id": entry["id"],
        "name": entry["name"],
        "size": int(entry["size"]),
        "url": address,
        "is_picture": entry["content_type"] in PICTURE_TYPES,
    }


def waiting_parts(ticket: Ticket, drafts: Sequence[Draft], viewer: Viewer) -> list[dict[str, Any]]:
    """The scheduled and held answers of a ticket as ``tickets/_waiting_answer.html`` draws them."""
    return [
        {
            "answer": one,
            "body_html": as_html(one.body) or one.body,
            "ticket": ticket,
            "is_held": one.state == Draft.State.HELD,
            "is_failed": one.held_because == Draft.HeldBecause.FAILED,
            "you": one.user_id is not None and one.user_id == viewer.user_id,
            "author": str(one.user or one.api_key or _("An integration")),
            "may_act": viewer.can("tickets.reply"),
            "may_send": ticket.merged_into_id is None,
        }
        for one in waiting_answers(drafts)
    ]


def _kind_of(drafts: Sequence[Draft]) -> str:
    """A composer opens with what was written last; with an answer when nothing was."""
    own = [one for one in drafts if one.state == Draft.State.DRAFT and one.body.strip()]
    return max(own, key=lambda one: one.updated_at).kind if own else "reply"


def _mailbox(recipient: Recipient) -> str:
    return f"{recipient.name} <{recipient.address}>" if recipient.name else recipient.address
