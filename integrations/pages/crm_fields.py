"""Settings: the field map of a connection, and what a person does about gaps and errors."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import done, refused
from integrations.crm.contract import OBJECT_LABELS, OBJECTS, CrmFailure, RemoteField
from integrations.crm.ours import OURS
from integrations.crm.session import CrmSession
from integrations.crm_selectors import crm_connections
from integrations.models import CrmConnection, CrmField, CrmRecord
from integrations.pages.crm_forms import pairs_of
from integrations.services.retry_crm import accept_crm_gaps, retry_crm_records
from integrations.services.save_crm_fields import save_crm_fields
from people.requests import StaffRequest, page


@require_http_methods(["GET", "POST"])
@page("crm.manage")
def crm_fields(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Show and save which fields are kept in step."""
    connection = _connection(request, crm_id)
    here = reverse("settings-crm", args=[crm_id])
    errors: list[str] = []
    if request.method == "POST":
        pairs = pairs_of(request.POST.dict())
        try:
            save_crm_fields(connection=connection, pairs=pairs, by=request.viewer)
        except ValidationError as error:
            errors = error.messages
        else:
            return done(request, _("Fields saved. The next pass reads every record again."), here)
        shown = {(pair.object, pair.ours): (pair.theirs, pair.owner) for pair in pairs}
    else:
        rows = CrmField.objects.filter(connection=connection)
        shown = {(row.object, row.ours): (row.theirs, row.owner) for row in rows}
    known, problem = _their_fields(connection)
    context = {
        "connection": connection,
        "groups": [_group(kind, shown, known.get(kind, [])) for kind in OBJECTS],
        "owners": CrmField.Owner.choices,
        "error": errors,
        "problem": problem,
    }
    return render(request, "integrations/crm_fields.html", context, status=422 if errors else 200)


@require_POST
@page("crm.manage")
def crm_retry(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Have what failed, or what nobody here was, tried again."""
    connection = _connection(request, crm_id)
    shown = request.POST.get("list", "")
    state = CrmRecord.State.UNMATCHED if shown == "unmatched" else ""
    count = retry_crm_records(connection=connection, state=state, by=request.viewer)
    text = ngettext("%(n)s is tried again.", "%(n)s are tried again.", count) % {"n": count}
    return done(request, text, reverse("settings-crm", args=[crm_id]))


@require_POST
@page("crm.manage")
def crm_accept(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Accept the gaps of a kind."""
    connection = _connection(request, crm_id)
    here = reverse("settings-crm", args=[crm_id])
    try:
        count = accept_crm_gaps(
            connection=connection,
            kind=request.POST.get("kind", ""),
            because=request.POST.get("because", ""),
            by=request.viewer,
        )
    except ValidationError as error:
        return refused(request, error, here)
    return done(request, ngettext("%(n)s gap accepted.", "%(n)s gaps accepted.", count) % {"n": count}, here)


def _their_fields(connection: CrmConnection) -> tuple[dict[str, list[RemoteField]], str]:
    """Their fields by object, to choose from; without an answer names can be typed all the same."""
    found: dict[str, list[RemoteField]] = {}
    try:
        session = CrmSession(connection)
        for kind in OBJECTS:
            found[kind] = list(session.system.fields(session.ask, kind))
    except CrmFailure as error:
        return found, _("The CRM does not list its fields now (%s). You can type their names.") % error
    return found, ""


def _group(
    kind: str, shown: Mapping[tuple[str, str], tuple[str, str]], known: list[RemoteField]
) -> dict[str, Any]:
    rows = []
    for name, one in OURS[kind].fields.items():
        theirs, owner = shown.get((kind, name), ("", CrmField.Owner.CRM))
        rows.append(
            {
                "name": name,
                "label": one.label,
                "theirs": theirs,
                "owner": owner,
                "is_read_only": one.is_read_only,
                "match_only": one.match_only,
            }
        )
    return {"key": kind, "label": OBJECT_LABELS[kind], "rows": rows, "known": known}


def _connection(request: StaffRequest, crm_id: int) -> CrmConnection:
    return get_object_or_404(crm_connections(request.viewer), pk=crm_id)
