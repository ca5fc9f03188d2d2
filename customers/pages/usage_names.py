"""The tracking plan: which event names are expected, whose they are, and which come without being expected."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.pages.forms import FormPage, done, form_page, submitted
from customers.models import UsageFeature
from customers.pages.usage_intake import usage_tabs
from customers.services.save_usage_feature import save_usage_feature
from people.models import User
from people.requests import StaffRequest, page

SHOWN = 500


class FeatureForm(forms.Form):
    """What the plan says about a name."""

    is_planned = forms.BooleanField(label=gettext_lazy("Expected"), required=False)
    description = forms.CharField(
        label=gettext_lazy("What it means"),
        max_length=300,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Owner"),
        queryset=User.objects.filter(is_active=True).order_by("name"),
        required=False,
    )
    plans = forms.CharField(
        label=gettext_lazy("Plans that include it"),
        required=False,
        max_length=400,
        help_text=gettext_lazy(
            "Names of subscription plans, separated by commas. Empty: every customer may use it."
        ),
    )
    is_hidden = forms.BooleanField(label=gettext_lazy("Leave out of adoption"), required=False)


@page("operations.view")
def usage_names(request: StaffRequest) -> HttpResponse:
    """List the names, those that nobody expected first."""
    rows = UsageFeature.objects.select_related("owner").order_by("is_planned", "name")
    unplanned = UsageFeature.objects.filter(is_planned=False).count()
    context = {
        "tabs": usage_tabs("names"),
        "rows": rows[:SHOWN],
        "unplanned": unplanned,
        "may_edit": request.viewer.can("settings.manage"),
    }
    return render(request, "customers/usage_names.html", context)


@page("settings.manage")
def usage_name(request: StaffRequest, pk: int) -> HttpResponse:
    """Change what the plan says about a name."""
    feature = get_object_or_404(UsageFeature, pk=pk)
    initial: dict[str, Any] = {
        name: getattr(feature, name) for name in ("is_planned", "description", "owner", "is_hidden")
    }
    form = FeatureForm(request.POST or None, initial={**initial, "plans": ", ".join(feature.plans)})
    if request.method == "POST" and form.is_valid():
        form.cleaned_data["plans"] = [
            part.strip() for part in form.cleaned_data["plans"].split(",") if part.strip()
        ]
        if submitted(form, _save, feature=feature, by=request.viewer) is not None:
            return done(request, _("The plan was saved."), reverse("usage-names"))
    lead = _("What is expected under this name. Items come in whatever the plan says.")
    return form_page(
        request, form, FormPage(heading=feature.name, back_url=reverse("usage-names"), lead=lead)
    )


def _save(*, feature: UsageFeature, by: Any, **values: Any) -> UsageFeature:
    return save_usage_feature(feature=feature, values=values, by=by)
