"""On the account page: override the score, decide about an override, end it, and say how healthy the account is."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from customers.pages.account import find_account
from customers.pages.account_forms import asked, attempt, finished, show
from health.models import HealthOverride
from health.override_scoreboard import scoreboard
from health.registry import signals
from health.services.give_pulse import give_pulse
from health.services.override_score import (
    DEFAULT_DAYS,
    MOST_DAYS,
    decide_override,
    end_override,
    set_override,
)
from people.requests import StaffRequest, page


def _scopes() -> list[tuple[str, str]]:
    return [("", _("The whole score")), *((part.key, str(part.label)) for part in signals)]


class OverrideForm(forms.Form):
    """Scope, value, reason and end."""

    signal = forms.ChoiceField(label=gettext_lazy("What"), choices=_scopes, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Score"), choices=HealthOverride.Kind.choices)
    value = forms.FloatField(label=gettext_lazy("Value"), min_value=0, max_value=100)
    days = forms.IntegerField(
        label=gettext_lazy("For how many days"), min_value=1, max_value=MOST_DAYS, initial=DEFAULT_DAYS
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Your colleagues see it. After 90 days it is compared with what happened."),
    )


class PulseForm(forms.Form):
    """A judgement and its reason."""

    value = forms.FloatField(
        label=gettext_lazy("How healthy, 0 to 100"), min_value=0, max_value=100, initial=70
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


@page("health.override")
def account_override(request: StaffRequest, pk: int) -> HttpResponse:
    """Override the score of an account."""
    found = find_account(request, pk)
    form = OverrideForm(request.POST or None, initial={"value": found.health_score or 70, "kind": "value"})
    if request.method == "POST":
        saved: Any = attempt(
            form, lambda: set_override(account=found, by=request.viewer, **form.cleaned_data)
        )
        if saved is not None:
            waits = saved.state == HealthOverride.State.PENDING
            text = (
                _("A second person has to approve this: it raises a large account by 20 points or more.")
                if waits
                else _("Overridden. The score moves within a minute; the model's stays visible.")
            )
            return finished(request, found, text)
    heading = _("Override the health of %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Override")))


@page("health.override")
def account_pulse(request: StaffRequest, pk: int) -> HttpResponse:
    """Say how healthy an account is."""
    found = find_account(request, pk)
    form = PulseForm(request.POST or None)
    if request.method == "POST":
        saved: Any = attempt(form, lambda: give_pulse(account=found, by=request.viewer, **form.cleaned_data))
        if saved is not None:
            return finished(request, found, _("Noted."))
    heading = _("How healthy is %(name)s?") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Save")))


@page("health.override")
@require_POST
def override_end(request: StaffRequest, pk: int) -> HttpResponse:
    """End an override before its time."""
    override = get_object_or_404(HealthOverride.objects.visible_to(request.viewer), pk=pk)
    end_override(override=override, by=request.viewer)
    messages.success(request, _("Ended. The model's score counts again."))
    return redirect("account", pk=override.account_id)


@page("health.approve")
@require_POST
def override_decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Approve (``approve`` is "1") or refuse an override of somebody else's."""
    override = get_object_or_404(HealthOverride.objects.visible_to(request.viewer), pk=pk)
    approve = request.POST.get("approve") == "1"
    try:
        decide_override(
            override=override, approve=approve, by=request.viewer, comment=request.POST.get("comment", "")
        )
    except (PermissionDenied, ValidationError) as error:
        for text in getattr(error, "messages", [str(error)]):
            messages.error(request, text)
    else:
        messages.success(request, _("Approved.") if approve else _("Refused."))
    return redirect("account", pk=override.account_id)


@page("health.view")
@require_GET
def override_list(request: StaffRequest) -> HttpResponse:
    """Show open overrides, and whether people or the model were right about those of 90 days ago."""
    overrides = HealthOverride.objects.visible_to(request.viewer).select_related("account", "created_by")
    context = {
        "open": list(overrides.open()[:200]),
        "board": scoreboard(request.viewer),
        "may_decide": request.viewer.can("health.approve"),
        "may_end": request.viewer.can("health.override"),
    }
    return render(request, "health/overrides.html", context)
