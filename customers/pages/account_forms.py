"""The forms around an account: new, edit, next step, touch, renewal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from core.pages.forms import add_errors
from customers.models import Account
from customers.pages.account import find_account
from customers.pages.forms import AccountForm, RenewalForm, StepForm, TouchForm
from customers.services.log_touch import log_touch
from customers.services.save_account import create_account, update_account
from people.requests import StaffRequest, is_partial, page

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A form as shown: its heading, the verb on its button, where it leads back to."""

    heading: str
    save_label: str
    back_url: str
    lead: str = ""


@page("customers.edit")
def account_new(request: StaffRequest) -> HttpResponse:
    """Add a customer."""
    form = AccountForm(request.POST or None, initial={"csm": request.viewer.user_id}, viewer=request.viewer)
    if request.method == "POST":
        made = attempt(form, lambda: create_account(values=form.values(), by=request.viewer))
        if made is not None:
            messages.success(request, _("The customer is added."))
            return redirect("account", pk=made.pk)
    return show(request, form, Asked(_("Add customer"), _("Add customer"), reverse("portfolio")))


@page("customers.edit")
def account_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a customer."""
    found = find_account(request, pk)
    form = AccountForm(
        request.POST or None,
        instance=Account.objects.select_related("parent").get(pk=found.pk),
        viewer=request.viewer,
    )
    if request.method == "POST":
        saved = attempt(form, lambda: update_account(account=found, values=form.values(), by=request.viewer))
        if saved is not None:
            return finished(request, found, _("Saved."))
    return show(request, form, asked(request, found, _("Edit %(name)s") % {"name": found.name}, _("Save")))


@page("customers.edit")
def account_step(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what comes next."""
    found = find_account(request, pk)
    form = StepForm(request.POST or None, initial={"next_step": found.next_step})
    if request.method == "POST":
        saved = attempt(
            form, lambda: update_account(account=found, values=form.cleaned_data, by=request.viewer)
        )
        if saved is not None:
            return finished(request, found, _("The next step is planned."))
    heading = _("Next step with %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Plan step")))


@page("customers.edit")
def account_renewal(request: StaffRequest, pk: int) -> HttpResponse:
    """Set the day of the renewal."""
    found = find_account(request, pk)
    form = RenewalForm(request.POST or None, initial={"renewal_on": found.renewal_on})
    if request.method == "POST":
        saved = attempt(
            form, lambda: update_account(account=found, values=form.cleaned_data, by=request.viewer)
        )
        if saved is not None:
            return finished(request, found, _("The renewal is set."))
    heading = _("Renewal of %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Set renewal")))


@page("customers.edit")
def account_touch(request: StaffRequest, pk: int) -> HttpResponse:
    """Write down a call, a meeting, a mail or a note."""
    found = find_account(request, pk)
    form = TouchForm(request.POST or None)
    if request.method == "POST":
        saved = attempt(form, lambda: log_touch(account=found, by=request.viewer, **form.cleaned_data))
        if saved is not None:
            return finished(request, found, _("It is on the timeline."))
    heading = _("In touch with %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Log touch")))


def attempt(form: forms.BaseForm, service: Callable[[], T]) -> T | None:
    """Call the service with a valid form; what it refuses appears beside the fields, and the answer is None."""
    if not form.is_valid():
        return None
    try:
        return service()
    except ValidationError as error:
        add_errors(form, error)
    return None


def asked(
    request: StaffRequest, found: Account, heading: str, save_label: str, *, lead: str = "", tab: str = ""
) -> Asked:
    """Return the frame of a form about an account."""
    return Asked(heading, save_label, back_url(request, found, tab), lead)


def back_url(request: StaffRequest, found: Account, tab: str = "") -> str:
    """Where a form leads back to: the page in ``next`` when it is ours, else the account."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return wanted
    return reverse("account-tab", args=[found.pk, tab]) if tab else reverse("account", args=[found.pk])


def finished(request: StaffRequest, found: Account, text: str, *, tab: str = "") -> HttpResponse:
    """Say that it worked and go back; a dialog tells the browser to."""
    messages.success(request, text)
    url = back_url(request, found, tab)
    return HttpResponse(headers={"HX-Redirect": url}) if is_partial(request) else redirect(url)


def show(request: StaffRequest, form: forms.BaseForm, frame: Asked) -> HttpResponse:
    """Render a form as a page, or as a dialog for htmx; 422 when it was refused."""
    template = "customers/_form_dialog.html" if is_partial(request) else "customers/form.html"
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, "asked": frame, "post_url": request.path}, status=status)
