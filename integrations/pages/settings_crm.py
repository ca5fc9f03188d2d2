"""Settings: connections with CRMs; connect, test, switch, disconnect, and the page that says whether both sides are in step."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core import formatting
from core.pages.forms import FormPage, ListItem, ListPage, PostButton, done, form_page, list_page, submitted
from integrations.crm.contract import CrmSystem, crm_systems
from integrations.crm_selectors import crm_connections, standing_of
from integrations.models import CrmConnection
from integrations.pages.crm_forms import CrmForm
from integrations.pages.crm_standing import state_of, view_of
from integrations.services.connect_crm import (
    disconnect_crm,
    save_crm_connection,
    switch_crm_connection,
    test_crm_connection,
)
from integrations.services.sync_crm import start_crm_check, start_crm_sync
from people.requests import StaffRequest, is_partial, page


@page("crm.manage")
def crms(request: StaffRequest) -> HttpResponse:
    """List the connections with how they stand."""
    items = [
        ListItem(
            name=connection.name,
            url=reverse("settings-crm", args=[connection.pk]),
            sub=f"{_label_of(connection)} · {connection.base_url}",
            chips=[state_of(connection)],
            right=_read_at(connection),
        )
        for connection in crm_connections(request.viewer)
    ]
    frame = ListPage(
        heading=_("CRM"),
        lead=_("Companies, people and won deals are kept in step with your CRM, field by field."),
        empty_title=_("Connect your CRM"),
        empty_text=_(
            "You choose for each field whether the CRM or CS Ops decides. A connection is called active only after every "
            "record of both sides was counted and compared."
        ),
        icon="plug",
    )
    systems = [(one.label, reverse("settings-crm-new", args=[one.key])) for one in crm_systems]
    return list_page(request, items, frame, template="integrations/crms.html", systems=systems)


@require_http_methods(["GET", "POST"])
@page("crm.manage")
def crm_new(request: StaffRequest, system: str) -> HttpResponse:
    """Connect a CRM and try whether it answers."""
    part = _system(system)
    initial = {"name": str(part.label), "base_url": part.default_url}
    form = CrmForm(request.POST or None, initial=initial, system=part, is_new=True)
    if request.method == "POST" and (
        made := submitted(form, save_crm_connection, system=system, by=request.viewer)
    ):
        return _tested(request, made)
    frame = FormPage(
        heading=_("Connect %s") % part.label,
        lead=str(part.setup_help),
        back_url=reverse("settings-crms"),
        save_label=_("Connect and test"),
        fieldsets=form.fieldsets,
    )
    return form_page(request, form, frame)


@require_http_methods(["GET", "POST"])
@page("crm.manage")
def crm_form(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Change a connection."""
    connection = _connection(request, crm_id)
    part = _system(connection.system)
    form = CrmForm(request.POST or None, initial=CrmForm.initial_of(connection), system=part, is_new=False)
    saved = None
    if request.method == "POST":
        kept = {"system": connection.system, "connection": connection}
        saved = submitted(form, save_crm_connection, by=request.viewer, **kept)
    if saved is not None:
        return done(request, _("Connection saved."), reverse("settings-crm", args=[crm_id]))
    frame = FormPage(
        heading=connection.name,
        lead=str(part.setup_help),
        back_url=reverse("settings-crm", args=[crm_id]),
        fieldsets=form.fieldsets,
        buttons=_buttons(connection),
    )
    return form_page(request, form, frame)


@page("crm.manage")
def crm(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Say whether both sides are in step. Reads itself again while something is going on."""
    connection = _connection(request, crm_id)
    context = view_of(standing_of(connection), request.GET)
    template = "integrations/_crm.html" if is_partial(request) else "integrations/crm.html"
    return render(request, template, context)


@require_POST
@page("crm.manage")
def crm_test(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Ask the CRM something, to see whether it lets us in."""
    return _tested(request, _connection(request, crm_id))


@require_POST
@page("crm.manage")
def crm_sync(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Start a pass."""
    start_crm_sync(connection=_connection(request, crm_id), by=request.viewer)
    return done(request, _("It is being read."), reverse("settings-crm", args=[crm_id]))


@require_POST
@page("crm.manage")
def crm_check(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Start a reconciliation."""
    start_crm_check(connection=_connection(request, crm_id), by=request.viewer)
    return done(request, _("Both sides are being compared."), reverse("settings-crm", args=[crm_id]))


@require_POST
@page("crm.manage")
def crm_switch(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Switch a connection to the other state."""
    connection = _connection(request, crm_id)
    is_on = not connection.is_on
    switch_crm_connection(connection=connection, is_on=is_on, by=request.viewer)
    text = _("The connection is on.") if is_on else _("The connection is off; what waits is not sent.")
    return done(request, text, reverse("settings-crm", args=[crm_id]))


@require_POST
@page("crm.manage")
def crm_delete(request: StaffRequest, crm_id: int) -> HttpResponse:
    """Disconnect."""
    disconnect_crm(connection=_connection(request, crm_id), by=request.viewer)
    return done(request, _("The CRM is disconnected."), "settings-crms")


def _tested(request: StaffRequest, connection: CrmConnection) -> HttpResponse:
    problem = test_crm_connection(connection=connection, by=request.viewer)
    if problem:
        messages.error(request, _("The CRM did not let us in: %s") % problem)
    else:
        messages.success(request, _("The CRM answers."))
    return redirect("settings-crm", connection.pk)


def _buttons(connection: CrmConnection) -> list[PostButton]:
    def button(label: str, name: str, confirm: str = "") -> PostButton:
        return PostButton(label, reverse(f"settings-crm-{name}", args=[connection.pk]), confirm)

    if connection.is_on:
        switch = button(_("Switch off"), "switch", _("Nothing is read, and what waits is not sent."))
    else:
        switch = button(_("Switch on"), "switch")
    return [
        switch,
        button(
            _("Disconnect"),
            "delete",
            _(
                "Credentials, links, raw records and conflicts are deleted. What was written on either side stays."
            ),
        ),
    ]


def _read_at(connection: CrmConnection) -> str:
    return _("read %s") % formatting.absolute(connection.last_pass_at) if connection.last_pass_at else ""


def _label_of(connection: CrmConnection) -> str:
    return (
        str(crm_systems.get(connection.system).label)
        if connection.system in crm_systems
        else connection.system
    )


def _system(key: str) -> CrmSystem:
    if key not in crm_systems:
        raise Http404
    return crm_systems.get(key)


def _connection(request: StaffRequest, crm_id: int) -> CrmConnection:
    return get_object_or_404(crm_connections(request.viewer), pk=crm_id)
