"""What customers sent, served so that it cannot act: HTML in a frame's own document, files as downloads."""

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from tickets.downloads import download
from tickets.models import Attachment, Message
from tickets.pages.message_html import TooComplex, inline_pictures, safe_document
from tickets.pages.tickets import visible_ticket
from tickets.selectors import with_files

_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@page("tickets.view")
@require_GET
def message_frame(
    request: StaffRequest, ticket_id: int, message_id: int, remote_images: bool = False
) -> HttpResponse:
    """The HTML of a message as a document for the frame; pictures from elsewhere only when the address asks for them."""
    message = message_of(request, ticket_id, message_id)
    if not message.body_html:
        raise Http404(_("This message has no HTML."))
    try:
        pictures = inline_pictures(message.attachments.all())
        document = safe_document(message.body_html, pictures=pictures, remote_images=remote_images)
    except TooComplex:
        words = _("This message is too large or too deeply nested to be shown as HTML. Its text is complete.")
        return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")
    images = "data: https: http:" if remote_images else "data:"
    return HttpResponse(
        document,
        headers={
            "Content-Security-Policy": _FRAME_POLICY.format(images=images),
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


@page("tickets.view")
@require_GET
def attachment(request: StaffRequest, ticket_id: int, attachment_id: int) -> HttpResponse:
    """A file of a message, always as a download; 403 with the reason for one that is held back."""
    ticket = visible_ticket(request, ticket_id)
    found = Attachment.objects.filter(pk=attachment_id, message__ticket=ticket).first()
    if found is None:
        raise Http404(_("There is no such file."))
    return download(found)


def message_of(request: StaffRequest, ticket_id: int, message_id: int) -> Message:
    """A message of a ticket that the viewer may see; raises Http404."""
    ticket = visible_ticket(request, ticket_id)
    messages = ticket.messages.select_related("contact", "author").prefetch_related(with_files())
    message = messages.filter(pk=message_id).first()
    if message is None:
        raise Http404(_("There is no such message."))
    return message
