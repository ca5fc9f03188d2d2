"""The list on display as a file."""

import tempfile
from pathlib import Path

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.pages.forms import refused
from people.requests import StaffRequest, page
from tickets.exports import write_csv, write_xlsx
from tickets.list_views import view_of
from tickets.pages.lists import list_state
from tickets.pages.tables import chosen_columns
from tickets.services.export_tickets import MOST, export_tickets

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


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
        tickets = export_tickets(
            view=rule, filters=state.filters, columns=columns, form=form, by=request.viewer
        )
    except ValidationError as error:
        return refused(request, error, state.url)
    name = f"{slugify(str(rule.label)) or 'tickets'}-{timezone.localdate().isoformat()}.{form}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if form == "csv":
            write_csv(path, tickets, columns)
        else:
            write_xlsx(path, tickets, columns, str(rule.label))
        return HttpResponse(
            path.read_bytes(),
            content_type=TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
