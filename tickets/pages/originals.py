"""A conversation on paper, and its mails as they came and went."""

from email import policy
from email.parser import BytesHeaderParser

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from tickets.channels.email.mail_facts import authentication_words
from tickets.conversation import EventItem, MessageItem, conversation
from tickets.file_scans import release, release_mail
from tickets.models import MailLedger, Message
from tickets.outbound.email_answer import mail_of
from tickets.pages.conversations import message_parts
from tickets.pages.files import message_of
from tickets.pages.lists import list_state
from tickets.pages.tickets import visible_ticket
from tickets.stored_files import read_file

_LONGEST_HEADER = 2_000
_MOST_HEADERS = 200


@page("tickets.view")
@require_GET
def printed(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The conversation for paper: every message in full, no frame around it. ``notes=0`` leaves private notes out."""
    ticket = visible_ticket(request, ticket_id)
    with_notes = request.GET.get("notes") != "0"
    state = list_state(request, request.viewer, ticket)
    items = []
    for item in conversation(ticket, request.viewer):
        if isinstance(item, EventItem) or (item.kind == Message.Kind.NOTE and not with_notes):
            continue
        items.append((message_parts(item, ticket, request.viewer, state), _addresses(item)))
    parts = {"ticket": ticket, "items": items, "with_notes": with_notes, "printed_at": timezone.now()}
    return render(request, "tickets/print.html", parts)


def _addresses(item: MessageItem) -> str:
    return ", ".join((*item.to, *item.cc))


@page("tickets.view")
@require_GET
def eml(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """The mail of a message as a file that mail programs open."""
    raw = _raw(message_of(request, ticket_id, message_id))
    return HttpResponse(
        raw,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="message-{message_id}.eml"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
    )


@page("tickets.view")
@require_GET
def headers(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """The headers of the mail of a message, as they are written in it."""
    message = message_of(request, ticket_id, message_id)
    raw = _raw(message)
    parsed = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    shown = [(name, str(value)[:_LONGEST_HEADER]) for name, value in parsed.items()[:_MOST_HEADERS]]
    checked = authentication_words(message.facts) if message.kind == Message.Kind.INBOUND else ""
    return render(request, "tickets/_mail_headers.html", {"headers": shown, "checked": checked})


def _raw(message: Message) -> bytes:
    """The mail as it arrived, or as it leaves; raises Http404 for a message that is no mail."""
    if message.kind == Message.Kind.INBOUND:
        mail = MailLedger.objects.filter(message=message).order_by("pk").first()
        if mail is None:
            raise Http404(_("This message did not come as a mail."))
        release_mail(mail)
        try:
            return read_file(mail.storage_key)
        except (FileNotFoundError, ValueError):
            raise Http404(_("The mail is not in the storage any more.")) from None
    if message.kind != Message.Kind.OUTBOUND:
        raise Http404(_("A note is no mail."))
    release(*(one.sha256 for one in message.attachments.all()))
    try:
        return mail_of(message).message().as_bytes()
    except (ValueError, FileNotFoundError) as error:
        raise Http404(str(error)) from error
