"""What the composer does while somebody writes: drafts, files, preview, presence; and answers on their way out."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.formatting import initials
from people.requests import StaffRequest, is_partial, page
from tickets.answer_cc import split_addresses
from tickets.attachment_policy import attachment_policy
from tickets.downloads import PICTURE_TYPES
from tickets.drafts import THUMBNAIL_BYTES, file_of, own_draft, waiting_answers_of, writing_on
from tickets.file_scans import release
from tickets.models import Draft, Message, Ticket
from tickets.pages.answers import reason, refused, with_toast
from tickets.pages.composing import (
    draft_parts,
    moment_words,
    read_way,
    template_parts,
    typed_text,
    undo_seconds_of,
    waiting_parts,
)
from tickets.pages.lists import list_state
from tickets.pages.tickets import conversation_answer, visible_ticket
from tickets.presence import people_on, visitor_on
from tickets.reply_routes import NO_INBOX, NO_THREAD
from tickets.rich_text import as_html
from tickets.send_later import send_times
from tickets.services.note_presence import leave, note_presence
from tickets.services.save_draft import (
    add_draft_file,
    discard_draft,
    forget_overtaken,
    remove_draft_file,
    save_draft,
)
from tickets.services.schedule_answer import discard_scheduled, edit_scheduled, send_scheduled_now
from tickets.services.undo_answer import undo_answer
from tickets.stored_files import read_file

_LONGEST_PREVIEW = 50_000


def _kind(request: StaffRequest) -> str:
    return "note" if request.POST.get("kind", request.GET.get("kind")) == "note" else "reply"


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def draft(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The person's draft as JSON; a POST saves it, with ``discard`` it goes, with ``seen`` the other window's words go.

    409 when the words of another window were replaced: they are in ``overtaken``.
    """
    ticket = _light_ticket(request, ticket_id)
    kind = _kind(request)
    if request.method == "GET":
        found = own_draft(writing_on(ticket, request.viewer), kind)
        return JsonResponse(draft_parts(ticket, kind, found))
    try:
        return _save(request, ticket, kind)
    except ValidationError as error:
        return JsonResponse({"error": reason(error)}, status=422)


def _save(request: StaffRequest, ticket: Ticket, kind: str) -> HttpResponse:
    post = request.POST
    if post.get("discard"):
        discard_draft(ticket=ticket, kind=kind, by=request.viewer)
        return HttpResponse(status=204)
    if post.get("seen_overtaken"):
        forget_overtaken(ticket=ticket, kind=kind, by=request.viewer)
        return HttpResponse(status=204)
    token = post.get("token", "")[:64]
    if token and _was_sent(ticket, token):
        # A save that was on its way while its form was sent.
        return JsonResponse({"version": 0, "sent": True})
    version, number = post.get("version", ""), post.get("number", "")
    via, into = read_way(post)
    saved = save_draft(
        ticket=ticket,
        kind=kind,
        body=typed_text(post.get("body", "")),
        version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        cc=split_addresses(post.getlist("cc")) if post.get("cc_edited") == "1" else None,
        token=token,
        number=int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0,
        # A form that offers no way but mail says only that it is none of the conversations.
        via=NO_INBOX if via is None and into == NO_THREAD else via,
        into=into,
        by=request.viewer,
    )
    parts = {"version": saved.draft.version, "overtaken": saved.draft.overtaken}
    return JsonResponse(parts, status=409 if saved.overtaken else 200)


def _was_sent(ticket: Ticket, token: str) -> bool:
    form = f"form:{ticket.pk}:{token}"
    return (
        Message.objects.filter(ticket=ticket, external_id=form).exists()
        or Draft.objects.filter(ticket=ticket, token=token).exclude(state=Draft.State.DRAFT).exists()
    )


def _light_ticket(request: StaffRequest, ticket_id: int) -> Ticket:
    """The visible ticket without what its page shows: these requests come every few seconds."""
    found = Ticket.objects.visible_to(request.viewer).filter(pk=ticket_id).first()
    if found is None:
        raise Http404(_("There is no such ticket, or it belongs to a private team."))
    return found


@page("tickets.view")
@require_POST
def draft_files(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Take a file into the draft; answers the list of its files. 422 with the reason when it is refused."""
    ticket = _light_ticket(request, ticket_id)
    upload = request.FILES.get("file")
    if upload is None:
        return JsonResponse({"error": _("Choose a file.")}, status=422)
    # Asked before a byte is read: the file may be larger than the memory.
    refusal = attachment_policy().refusal(name=upload.name or "", size=upload.size or 0)
    if refusal:
        return JsonResponse({"error": refusal}, status=422)
    try:
        kept = add_draft_file(
            ticket=ticket,
            kind=_kind(request),
            name=upload.name or "",
            content_type=upload.content_type or "application/octet-stream",
            content=upload.read(),
            by=request.viewer,
        )
    except ValidationError as error:
        return JsonResponse({"error": reason(error)}, status=422)
    return JsonResponse(draft_parts(ticket, kept.kind, kept))


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def draft_file(request: StaffRequest, ticket_id: int, kind: str, file_id: str) -> HttpResponse:
    """A picture of one's own draft, for its preview; anything else as a download. A POST takes the file out."""
    ticket = _light_ticket(request, ticket_id)
    if kind not in Draft.Kind.values:
        raise Http404
    if request.method == "POST":
        try:
            kept = remove_draft_file(ticket=ticket, kind=kind, file_id=file_id, by=request.viewer)
        except ValidationError as error:
            return JsonResponse({"error": reason(error)}, status=422)
        return JsonResponse(draft_parts(ticket, kind, kept))
    found = own_draft(writing_on(ticket, request.viewer), kind)
    entry = None if found is None else file_of(found, file_id)
    if entry is None:
        raise Http404(_("There is no such file."))
    return _stored(entry)


def _stored(entry: dict[str, Any]) -> HttpResponse:
    release(entry["sha256"])
    try:
        content = read_file(entry["storage_key"])
    except FileNotFoundError:
        raise Http404(_("The file is not in the storage any more.")) from None
    shown = entry["content_type"] in PICTURE_TYPES and entry["size"] <= THUMBNAIL_BYTES
    name = entry["name"] if entry["name"].isprintable() else "attachment"
    return HttpResponse(
        content,
        content_type=entry["content_type"] if shown else "application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(not shown, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@page("tickets.view")
@require_POST
def preview(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The text as it will be seen."""
    _light_ticket(request, ticket_id)
    html = as_html(typed_text(request.POST.get("body", "")[:_LONGEST_PREVIEW]))
    return HttpResponse(html or f"<p>{_('Nothing to show yet.')}</p>")


@page("tickets.view")
@require_POST
def presence(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """A sign of life from an open ticket; answers who else is there."""
    ticket = _light_ticket(request, ticket_id)
    if request.POST.get("state") == "gone":
        leave(ticket=ticket, by=request.viewer)
        return HttpResponse(status=204)
    try:
        note_presence(ticket=ticket, state=request.POST.get("state", ""), by=request.viewer)
    except ValidationError as error:
        return JsonResponse({"error": reason(error)}, status=422)
    people = [
        {"id": one.user_id, "initials": initials(one.name), "state": one.state, "text": one.sentence}
        for one in (*filter(None, [visitor_on(ticket)]), *people_on(ticket, besides=request.viewer))
    ]
    return JsonResponse({"people": people})


@page("tickets.reply")
@require_POST
def undo(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """Take an answer back that has not left; the conversation opens with its text in the composer."""
    found = visible_ticket(request, ticket_id)
    message = Message.objects.filter(ticket=found, pk=message_id).first()
    if message is None:
        raise Http404(_("There is no such message."))
    try:
        undo_answer(message=message, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return _open(request, ticket_id, _("Taken back. Your text is in the composer."))


def _open(request: StaffRequest, ticket_id: int, text: str, **toast: Any) -> HttpResponse:
    """The conversation, whatever part of the page has asked: the toast of another ticket leads back to this one."""
    state = list_state(request, request.viewer)
    response = conversation_answer(request, visible_ticket(request, ticket_id), state, with_context=True)
    response["HX-Retarget"] = "#conversation"
    response["HX-Reswap"] = "outerHTML"
    response["HX-Push-Url"] = state.ticket_url(ticket_id)
    return with_toast(response, text, **toast)


@page("tickets.reply")
@require_GET
def template_fields(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The words of a template with a field for each value; empty when none is chosen."""
    _light_ticket(request, ticket_id)
    chosen = request.GET.get("template", "").rpartition(":")[2]
    number = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 18 else 0
    return render(request, "tickets/_template_fields.html", {"template": template_parts(number)})


@page("tickets.reply")
@require_GET
def send_later(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The times at which an answer can leave."""
    found = visible_ticket(request, ticket_id)
    parts = {
        "ticket": found,
        "offers": [(one, moment_words(one.at)) for one in send_times(found, request.user)],
        "earliest": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
    }
    return render(request, "tickets/_send_later.html", parts)


@page("tickets.reply")
@require_POST
def waiting_answer(request: StaffRequest, ticket_id: int, draft_id: int) -> HttpResponse:
    """Send (``send``), edit (``edit``) or throw away (``discard``) an answer that waits for its time."""
    found = visible_ticket(request, ticket_id)
    answer = Draft.objects.filter(ticket=found, pk=draft_id).exclude(state=Draft.State.DRAFT).first()
    if answer is None:
        raise Http404(_("This answer has left already, or somebody has thrown it away."))
    act = request.POST.get("act", "")
    toast: dict[str, Any] = {}
    try:
        if act == "send":
            seconds = undo_seconds_of(request.user)
            message = send_scheduled_now(answer=answer, by=request.viewer, undo_seconds=seconds)
            words = _("Sent")
            if seconds:
                toast = {"undo_url": reverse("inbox-undo", args=[found.pk, message.pk]), "seconds": seconds}
        elif act == "edit":
            # The composer of a merged ticket is where it goes on.
            ticket_id = edit_scheduled(answer=answer, by=request.viewer).ticket_id
            words = _("Back in the composer")
        else:
            discard_scheduled(answer=answer, by=request.viewer)
            words = _("Thrown away")
    except ValidationError as error:
        return refused(error)
    if not is_partial(request):
        return redirect("inbox-ticket", ticket_id)
    return _open(request, ticket_id, words, **toast)


@page("tickets.view")
@require_GET
def scheduled(request: StaffRequest) -> HttpResponse:
    """Every answer that waits for its time, on tickets that the person may see."""
    answers = list(waiting_answers_of(request.viewer)[:200])
    rows = [waiting_parts(one.ticket, [one], request.viewer)[0] for one in answers]
    return render(request, "tickets/scheduled.html", {"rows": rows})
