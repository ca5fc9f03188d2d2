"""The list on display as a file: at once when it is short, else from the page of one's exports when it is ready."""

from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core.pages.forms import done, refused
from people.requests import StaffRequest, is_partial, page
from tickets.exports import CONTENT_TYPES
from tickets.list_views import view_of
from tickets.models import TicketExport
from tickets.pages.lists import list_state
from tickets.pages.tables import chosen_columns
from tickets.services.export_tickets import MOST, discard_export, export_tickets, fetch_export

SHOWN = 50


@page("tickets.view")
@require_POST
def export(request: StaffRequest, form: str) -> HttpResponse:
    """Export the filtered view in the address, with the columns of its table, as ``csv`` or ``xlsx``."""
    if form not in MOST:
        raise Http404(_("There is no such form of export."))
    state = list_state(request, request.viewer)
    try:
        rule = view_of(request.viewer, state.view)
    except LookupError:
        raise Http404(_("There is no such view.")) from None
    columns = chosen_columns(request.viewer, rule)
    try:
        made = export_tickets(view=rule, filters=state.filters, columns=columns, form=form, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, state.url)
    if isinstance(made, TicketExport):
        return done(
            request, _("%d tickets are being written to a file.") % made.total, reverse("ticket-exports")
        )
    name = f"{slugify(str(rule.label)) or 'tickets'}-{timezone.localdate().isoformat()}.{form}"
    return HttpResponse(
        made,
        content_type=CONTENT_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@page("tickets.view")
@require_GET
def exports(request: StaffRequest) -> HttpResponse:
    """One's exports, newest first; htmx gets the list alone and asks again while one is being made."""
    own = TicketExport.objects.visible_to(request.viewer).select_related("job").order_by("-pk")
    rows = list(own[:SHOWN])
    parts = {"exports": rows, "is_waiting": any(one.is_open for one in rows)}
    template = "tickets/_exports.html" if is_partial(request) else "tickets/exports.html"
    return render(request, template, parts)


@page("tickets.view")
@require_GET
def export_file(request: StaffRequest, reference: str) -> HttpResponseBase:
    """The file, for who has asked for it, while it is kept."""
    found = _own(request, reference)
    try:
        content = fetch_export(export=found, by=request.viewer)
    except FileNotFoundError:
        raise Http404(_("The file is gone.")) from None
    return FileResponse(
        content,
        as_attachment=True,
        filename=found.file_name,
        content_type=CONTENT_TYPES[found.format],
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


@page("tickets.view")
@require_POST
def export_discard(request: StaffRequest, reference: str) -> HttpResponse:
    """Stop one that is being made, or delete its file."""
    found = _own(request, reference)
    text = _("The export was stopped.") if found.is_open else _("The file was deleted.")
    discard_export(export=found, by=request.viewer)
    return done(request, text, "ticket-exports")


def _own(request: StaffRequest, reference: str) -> TicketExport:
    own = TicketExport.objects.visible_to(request.viewer).select_related("job")
    return get_object_or_404(own, reference=reference)
