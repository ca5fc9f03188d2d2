"""Settings: whether similar tickets are looked for, and when an incident is proposed."""

from dataclasses import asdict

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, add_errors, done, form_page
from people.requests import StaffRequest, page
from tickets.services.save_similar_rules import MOST_CUSTOMERS, MOST_HOURS, save_similar_rules
from tickets.similar_rules import LOWEST_THRESHOLD, SimilarRules, similar_rules


class SimilarForm(forms.Form):
    """The rules."""

    is_on = forms.BooleanField(
        label=gettext_lazy("Look for similar tickets"),
        required=False,
        help_text=gettext_lazy(
            "Beside each ticket stand solved ones that say the same, with their answers, and fitting macros."
        ),
    )
    incidents = forms.BooleanField(
        label=gettext_lazy("Propose incidents"),
        required=False,
        help_text=gettext_lazy(
            "When several customers say the same, whoever leads is told; a person decides."
        ),
    )
    fewest = forms.IntegerField(
        label=gettext_lazy("Customers at least"), min_value=2, max_value=MOST_CUSTOMERS
    )
    hours = forms.IntegerField(label=gettext_lazy("Within hours"), min_value=1, max_value=MOST_HOURS)
    threshold = forms.FloatField(
        label=gettext_lazy("How alike"),
        min_value=LOWEST_THRESHOLD,
        max_value=1,
        help_text=gettext_lazy(
            "From 0.5 to 1. At 0.8 nine of ten pairs of messages mean the same; lower finds more and errs more."
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def similar(request: StaffRequest) -> HttpResponse:
    """The rules for similar tickets."""
    form = SimilarForm(request.POST or None, initial=asdict(similar_rules()))
    if request.method == "POST" and form.is_valid():
        try:
            save_similar_rules(rules=SimilarRules(**form.cleaned_data), by=request.viewer)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(request, _("Saved."), "settings-similar")
    frame = FormPage(
        heading=_("Similar tickets"),
        lead=_("Texts are compared by meaning, on this machine."),
        back_url=reverse("settings-similar"),
        fieldsets=[
            (_("Beside a ticket"), ["is_on"]),
            (_("Incidents"), ["incidents", "fewest", "hours", "threshold"]),
        ],
    )
    return form_page(request, form, frame)
