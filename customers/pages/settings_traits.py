"""Settings: traits of customers and contacts."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, submitted
from customers.models import TraitDefinition
from customers.pages.trait_forms import ChangedDefinitionForm, DefinitionForm
from customers.services.define_trait import define_trait
from people.requests import StaffRequest, page


@page("settings.manage")
@require_GET
def traits(request: StaffRequest) -> HttpResponse:
    """List the traits."""
    items = [
        ListItem(
            name=one.label,
            url=reverse("settings-trait", args=[one.pk]),
            sub=f"{one.get_target_display()} · {one.key}",
            chips=[] if one.is_active else [(_("Inactive"), "")],
            right=one.get_kind_display(),
        )
        for one in TraitDefinition.objects.all()
    ]
    frame = ListPage(
        heading=_("Customer traits"),
        lead=_("What you note about customers and contacts besides what everybody notes."),
        new_url=reverse("settings-trait-new"),
        new_label=_("New trait"),
        empty_title=_("No traits yet"),
        empty_text=_(
            "A region, a plan's flavour, the size of a fleet: define it once, set it on every customer."
        ),
        icon="tag",
    )
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def trait_new(request: StaffRequest) -> HttpResponse:
    """Define a trait."""
    form = DefinitionForm(request.POST or None)
    if request.method == "POST" and submitted(form, define_trait, by=request.viewer) is not None:
        return done(request, _("Trait saved."), "settings-traits")
    return form_page(request, form, FormPage(heading=_("New trait"), back_url=reverse("settings-traits")))


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def trait_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change the words of a trait, or take it out of use."""
    trait = get_object_or_404(TraitDefinition, pk=pk)
    initial = {
        "label": trait.label,
        "help_text": trait.help_text,
        "choices": "\n".join(trait.choices),
        "is_active": trait.is_active,
    }
    form = ChangedDefinitionForm(request.POST or None, initial=initial)
    if trait.kind != TraitDefinition.Kind.CHOICE:
        del form.fields["choices"]
    if request.method == "POST" and submitted(form, define_trait, trait=trait, by=request.viewer) is not None:
        return done(request, _("Trait saved."), "settings-traits")
    frame = FormPage(
        heading=trait.label,
        back_url=reverse("settings-traits"),
        lead=f"{trait.get_target_display()} · {trait.key} · {trait.get_kind_display()}",
    )
    return form_page(request, form, frame)
