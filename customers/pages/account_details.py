"""The forms of the details of an account: traits, ids of other systems."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.pages.forms import done, refused
from customers.models import Account
from customers.pages.account import find_account
from customers.pages.account_forms import Asked, asked, attempt, finished, show
from customers.pages.forms import ExternalIdForm
from customers.pages.trait_forms import TraitForm
from customers.services.name_account import add_external_id, remove_external_id
from customers.services.set_traits import set_account_traits
from people.requests import StaffRequest, page


@require_POST
@page("customers.edit")
def external_id_add(request: StaffRequest, pk: int) -> HttpResponse:
    """Note an id of another system; what is refused is asked for again on a page of its own."""
    found = find_account(request, pk)
    form = ExternalIdForm(request.POST)
    if attempt(form, lambda: add_external_id(account=found, by=request.viewer, **form.cleaned_data)):
        return done(request, _("The id is added."), details_url(found))
    return show(
        request,
        form,
        Asked(_("Id of %(name)s") % {"name": found.name}, _("Add id"), details_url(found)),
    )


@require_POST
@page("customers.edit")
def external_id_remove(request: StaffRequest, pk: int, row_id: int) -> HttpResponse:
    """Forget an id of another system."""
    found = find_account(request, pk)
    row = get_object_or_404(found.external_ids, pk=row_id)
    try:
        remove_external_id(row=row, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, details_url(found))
    return done(request, _("The id is removed."), details_url(found))


@page("customers.edit")
def account_traits(request: StaffRequest, pk: int) -> HttpResponse:
    """Set the traits of an account."""
    found = find_account(request, pk)
    form = TraitForm(request.POST or None, target="account", traits=found.traits)
    if request.method == "POST":
        saved = attempt(
            form, lambda: set_account_traits(account=found, values=form.values(), by=request.viewer)
        )
        if saved is not None:
            return finished(request, found, _("Saved."), tab="details")
    heading = _("Traits of %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Save"), tab="details"))


def details_url(found: Account) -> str:
    """The address of the details tab."""
    return reverse("account-tab", args=[found.pk, "details"])
