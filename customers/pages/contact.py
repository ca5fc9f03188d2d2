"""A person at a customer: facts, addresses, consent, merging two into one and back."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.pages.forms import done, refused
from customers.models import ConsentEvent, Contact, ContactMerge, SponsorChange
from customers.pages.account import find_account
from customers.pages.account_forms import Asked, attempt, show
from customers.pages.forms import AddressForm, ContactForm, MergeForm, NewContactForm
from customers.pages.personal_data import personal_data_parts_of
from customers.pages.trait_forms import TraitForm
from customers.registry import sections_of
from customers.services.judge_sponsor import decide_sponsor_change
from customers.services.merge_contacts import merge_contacts, unmerge_contacts
from customers.services.save_contact import add_identity, create_contact, remove_identity, update_contact
from customers.services.set_traits import set_contact_traits
from customers.traits import shown_traits
from people.requests import StaffRequest, is_partial, page


@page("customers.edit")
def contact_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Add a person to an account."""
    account = find_account(request, pk)
    form = NewContactForm(request.POST or None)
    if request.method == "POST":
        made = attempt(
            form,
            lambda: create_contact(
                values={**form.values(), "account_id": account.pk},
                email=form.cleaned_data["email"],
                by=request.viewer,
            ),
        )
        if made is not None:
            return done(
                request, _("The contact is added."), reverse("account-tab", args=[account.pk, "people"])
            )
    back = reverse("account-tab", args=[account.pk, "people"])
    heading = _("Add a contact of %(name)s") % {"name": account.name}
    return show(request, form, Asked(heading, _("Add contact"), back))


@page("customers.view")
def contact(request: StaffRequest, pk: int) -> HttpResponse:
    """Show a person; those who may edit save the form here."""
    found = _find(request, pk)
    form = ContactForm(request.POST or None, instance=_find(request, pk))
    if request.method == "POST":
        request.viewer.require("customers.edit")
        saved = attempt(form, lambda: update_contact(contact=found, values=form.values(), by=request.viewer))
        if saved is not None:
            return done(request, _("Saved."), reverse("contact", args=[found.pk]))
    return _contact_page(request, found, form=form)


@require_POST
@page("customers.edit")
def contact_address(request: StaffRequest, pk: int) -> HttpResponse:
    """Give a person another address."""
    found = _find(request, pk)
    form = AddressForm(request.POST)
    if attempt(form, lambda: add_identity(contact=found, by=request.viewer, **form.cleaned_data)):
        return done(request, _("The address is added."), reverse("contact", args=[found.pk]))
    return _contact_page(request, found, address_form=form)


@require_POST
@page("customers.edit")
def contact_address_remove(request: StaffRequest, pk: int, identity_id: int) -> HttpResponse:
    """Take an address away from a person."""
    found = _find(request, pk)
    identity = get_object_or_404(found.identities, pk=identity_id)
    try:
        remove_identity(identity=identity, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("contact", args=[found.pk]))
    return done(request, _("The address is removed."), reverse("contact", args=[found.pk]))


@require_POST
@page("customers.edit")
def contact_merge(request: StaffRequest, pk: int) -> HttpResponse:
    """Let another contact take this one over."""
    found = _find(request, pk)
    form = MergeForm(request.POST, targets=_targets(request, found))
    if attempt(
        form, lambda: merge_contacts(source=found, target=form.cleaned_data["target"], by=request.viewer)
    ):
        messages.success(request, _("Merged. You can take it back on this page."))
        return redirect("contact", pk=form.cleaned_data["target"].pk)
    return _contact_page(request, found, merge_form=form)


@require_POST
@page("customers.edit")
def contact_unmerge(request: StaffRequest, pk: int) -> HttpResponse:
    """Take the merge of this contact back."""
    found = _find(request, pk)
    try:
        unmerge_contacts(source=found, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("contact", args=[found.pk]))
    return done(request, _("The merge is taken back."), reverse("contact", args=[found.pk]))


@page("customers.edit")
def contact_traits(request: StaffRequest, pk: int) -> HttpResponse:
    """Set the traits of a person."""
    found = _find(request, pk)
    form = TraitForm(request.POST or None, target="contact", traits=found.traits)
    url = reverse("contact", args=[found.pk])
    if request.method == "POST":
        saved = attempt(
            form, lambda: set_contact_traits(contact=found, values=form.values(), by=request.viewer)
        )
        if saved is not None:
            messages.success(request, _("Saved."))
            return HttpResponse(headers={"HX-Redirect": url}) if is_partial(request) else redirect(url)
    return show(request, form, Asked(_("Traits of %(name)s") % {"name": found}, _("Save"), url))


@require_POST
@page("customers.edit")
def sponsor_change(request: StaffRequest, pk: int) -> HttpResponse:
    """Say whether somebody has left, as a finding has it."""
    change = get_object_or_404(SponsorChange.objects.visible_to(request.viewer), pk=pk)
    url = reverse("account-tab", args=[change.account_id, "people"])
    has_left = request.POST.get("decision") == "confirm"
    try:
        decide_sponsor_change(change=change, has_left=has_left, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, url)
    text = _("Noted: this person has left.") if has_left else _("Noted: this person is still there.")
    return done(request, text, url)


def _find(request: StaffRequest, pk: int) -> Contact:
    people = Contact.objects.visible_to(request.viewer).select_related("account", "merged_into")
    return get_object_or_404(people.prefetch_related("identities"), pk=pk)


def _targets(request: StaffRequest, found: Contact) -> QuerySet[Contact]:
    """Those who may take the contact over: people of the same account, or of none."""
    same = Q(account_id=found.account_id) if found.account_id else Q(account=None)
    people = (
        Contact.objects.visible_to(request.viewer)
        .filter(same, merged_into=None, erased_at=None)
        .exclude(pk=found.pk)
    )
    return people.prefetch_related("identities").order_by("name", "pk")


def _contact_page(
    request: StaffRequest,
    found: Contact,
    *,
    form: ContactForm | None = None,
    address_form: AddressForm | None = None,
    merge_form: MergeForm | None = None,
) -> HttpResponse:
    may_edit = request.viewer.can("customers.edit") and found.erased_at is None
    forms = [form or ContactForm(instance=found), address_form or AddressForm()]
    context = {
        "contact": found,
        "form": forms[0],
        "address_form": forms[1],
        "merge_form": merge_form or MergeForm(targets=_targets(request, found)),
        "can_merge": may_edit and found.merged_into_id is None and _targets(request, found).exists(),
        "may_edit": may_edit,
        "traits": shown_traits("contact", found.traits),
        "merges": ContactMerge.objects.filter(target=found, undone_at=None)
        .select_related("source")
        .order_by("-pk"),
        "may_erase": request.viewer.can("customers.erase"),
        **personal_data_parts_of(request, found),
        "sections": sections_of(request.viewer, found),
        "consent": ConsentEvent.objects.filter(contact=found).order_by("-pk")[:20],
    }
    failed = any(bound is not None and bound.is_bound for bound in (address_form, merge_form)) or bool(
        forms[0].errors
    )
    return render(request, "customers/contact.html", context, status=422 if failed else 200)
