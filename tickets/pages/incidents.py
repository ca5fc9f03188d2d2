"""The page of incidents: tickets of several customers that say the same, how many are touched, and the decision about each."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from core.formatting import money
from people.requests import StaffRequest, is_partial, page
from tickets.models import Incident
from tickets.pages.answers import refused, with_toast
from tickets.services.decide_incident import confirm_incident, dismiss_incident
from tickets.similar import INCIDENT_STATES, IncidentShown, incidents_for, incidents_in, shown_incident

PAGE_SIZE = 40
SHOWN_ACCOUNTS = 3


@page("tickets.view")
@require_GET
def incidents(request: StaffRequest) -> HttpResponse:
    """Incidents by what became of them (``?state=open|resolved|dismissed``), newest first; htmx gets the rows alone."""
    context = _rows(request)
    if is_partial(request):
        return render(request, "tickets/_incident_rows.html", context)
    labels = {"open": _("Open"), "resolved": _("Resolved"), "dismissed": _("Dismissed")}
    context["tabs"] = [
        {
            "label": label,
            "url": f"{reverse('incidents')}?state={state}",
            "current": state == context["state"],
            "count": None,
        }
        for state, label in labels.items()
    ]
    return render(request, "tickets/incidents.html", context)


@page("tickets.edit")
@require_POST
def confirm(request: StaffRequest, incident_id: int) -> HttpResponse:
    """Make one incident of the tickets, or link those that came since; answers the rows."""
    try:
        linked = confirm_incident(incident=_incident(request, incident_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return _decided(request, ngettext("%d ticket linked", "%d tickets linked", linked) % linked)


@page("tickets.edit")
@require_POST
def dismiss(request: StaffRequest, incident_id: int) -> HttpResponse:
    """Say that the tickets do not say the same; answers the rows."""
    try:
        dismiss_incident(incident=_incident(request, incident_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return _decided(request, _("No incident"))


def _decided(request: StaffRequest, words: str) -> HttpResponse:
    if not is_partial(request):
        return redirect("incidents")
    return with_toast(render(request, "tickets/_incident_rows.html", _rows(request)), words)


def _incident(request: StaffRequest, incident_id: int) -> Incident:
    found = incidents_for(request.viewer).filter(pk=incident_id).first()
    if found is None:
        raise Http404(_("There is no such incident."))
    return found


def _rows(request: StaffRequest) -> dict[str, Any]:
    asked, before = request.GET.get("state", ""), request.GET.get("before", "")
    state = asked if asked in INCIDENT_STATES else "open"
    rows = incidents_in(request.viewer, state)
    if before.isascii() and before.isdecimal() and len(before) < 18:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE_SIZE + 1])
    last = found[:PAGE_SIZE][-1].pk if len(found) > PAGE_SIZE else None
    base = f"{reverse('incidents')}?state={state}"
    return {
        "rows": [_row(shown_incident(one), request) for one in found[:PAGE_SIZE]],
        "state": state,
        "url": f"{base}&before={before}" if before else base,
        "next_url": "" if last is None else f"{base}&before={last}",
        "may_decide": request.viewer.can("tickets.edit"),
        "sees_accounts": request.viewer.can("customers.view"),
    }


def _row(shown: IncidentShown, request: StaffRequest) -> dict[str, Any]:
    incident, accounts = shown.incident, shown.accounts
    top = next((one for one in shown.tickets if one.pk == incident.ticket_id), shown.tickets[0])
    return {
        "incident": incident,
        "shown": shown,
        "top": top,
        "accounts": accounts[:SHOWN_ACCOUNTS],
        "more_accounts": max(0, len(accounts) - SHOWN_ACCOUNTS),
        "arr": [money(amount, currency) for currency, amount in sorted(shown.arr.items())],
        "is_confirmed": incident.state == Incident.State.CONFIRMED,
        "may_link": bool(shown.unlinked) and len(shown.tickets) > 1,
    }
