"""A person's data: ask for the export, fetch it, erase the person."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from core.pages.forms import add_errors, done
from customers.models import Contact, ContactErasure, ContactExport
from customers.pages.account_forms import Asked, show
from customers.services.erase_contact import erase_contact
from customers.services.export_contact import request_export
from people.requests import StaffRequest, page

SHOWN = 5


class EraseForm(forms.Form):
    """The name as typed, and why."""

    confirmation = forms.CharField(
        label=gettext_lazy("Type the name to confirm"),
        max_length=254,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Kept on the certificate; write nothing about the person here."),
    )


def personal_data_parts_of(request: StaffRequest, contact: Contact) -> dict[str, Any]:
    """Variables of the section on the contact's page; none for who may not see it. Two queries."""
    if not request.viewer.can("customers.erase"):
        return {}
    exports = ContactExport.objects.visible_to(request.viewer).filter(contact=contact)
    now = timezone.now()
    return {
        "exports": [(one, _state(one)) for one in exports.filter(expires_at__gt=now).order_by("-pk")[:SHOWN]],
        "erasure": ContactErasure.objects.filter(contact=contact).order_by("-pk").first(),
        "is_waiting": exports.filter(ready_at=None, expires_at__gt=now).exists(),
    }


def _state(export: ContactExport) -> str:
    return "waiting" if export.ready_at is None else "ready" if export.storage_key else "deleted"


@page("customers.erase")
@require_POST
def contact_export(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for everything that is kept about the person."""
    found = _find(request, pk)
    request_export(contact=found, by=request.viewer)
    return done(request, _("The export is being made; it appears here."), reverse("contact", args=[found.pk]))


@page("customers.erase")
@require_GET
def export_rows(request: StaffRequest, pk: int) -> HttpResponse:
    """The exports as they are now; the page asks again while one is being made."""
    found = _find(request, pk)
    parts = {"contact": found, **personal_data_parts_of(request, found)}
    return render(request, "customers/_exports.html", parts)


@page("customers.erase")
@require_GET
def export_file(request: StaffRequest, pk: int, export_id: int) -> FileResponse:
    """The ZIP file, for who has asked for it, until it expires."""
    mine = ContactExport.objects.visible_to(request.viewer).filter(contact=pk, expires_at__gt=timezone.now())
    export = get_object_or_404(mine.exclude(storage_key=""), pk=export_id)
    try:
        file = default_storage.open(export.storage_key, "rb")
    except FileNotFoundError:
        raise Http404(_("The file is gone.")) from None
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"contact-{pk}.zip",
        content_type="application/zip",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


@page("customers.erase")
def contact_erase(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for the name, then erase."""
    found = _find(request, pk)
    back = reverse("contact", args=[found.pk])
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            erase_contact(contact=found, by=request.viewer, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(request, _("The person is being erased. The certificate appears here."), back)
    lead = _(
        "Names, addresses, messages, files and raw mails of %(name)s are emptied for good, on every ticket. "
        "Numbers and times of the tickets stay. This cannot be taken back."
    )
    heading = _("Erase %(name)s") % {"name": found}
    return show(request, form, Asked(heading, _("Erase for good"), back, lead % {"name": found}))


def _find(request: StaffRequest, pk: int) -> Contact:
    people = Contact.objects.visible_to(request.viewer).select_related("account")
    return get_object_or_404(people.prefetch_related("identities"), pk=pk)
