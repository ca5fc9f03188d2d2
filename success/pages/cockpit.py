"""The cockpit: open tasks of CSMs and how to close them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from people.roles import Role
from success.models import CTA
from success.pages.tabs import success_tabs
from success.selectors import cockpit_figures, open_ctas
from success.services.close_cta import close_cta

SHOWN = 200


class CloseForm(forms.Form):
    """What came of a task."""

    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[("", "")] + [choice for choice in CTA.Outcome.choices if choice[0] != CTA.Outcome.CLEARED],
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), widget=forms.Textarea(attrs={"rows": 2}), max_length=2000, required=False
    )


@page("success.view")
@require_GET
def success_cockpit(request: StaffRequest) -> HttpResponse:
    """Show open tasks: one's own for CSMs, everybody's for others; ``?owner=all`` or ``me`` chooses."""
    return render(
        request, "success/success_cockpit.html", {**_tasks(request), "tabs": success_tabs("success-cockpit")}
    )


@page("success.view")
@require_GET
def success_tasks(request: StaffRequest) -> HttpResponse:
    """The figures and the list alone, for the live refresh."""
    return render(request, "success/_success_tasks.html", _tasks(request))


@page("success.act")
def cta_close(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the dialog that closes a task (GET), close it with its outcome (POST)."""
    cta = get_object_or_404(CTA.objects.visible_to(request.viewer).select_related("account"), pk=pk)
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        closed = close_cta(cta=cta, by=request.viewer, **form.cleaned_data)
        messages.success(request, _("Closed.") if closed else _("It was closed already."))
        back = reverse("success-cockpit")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": back})
        return redirect(back)
    status = 422 if form.is_bound else 200
    return render(request, "success/_cta_close.html", {"cta": cta, "form": form}, status=status)


def _tasks(request: StaffRequest) -> dict[str, Any]:
    chosen = request.GET.get("owner", "me" if request.viewer.role == Role.CSM else "all")
    owner_id = request.viewer.user_id if chosen == "me" else None
    today = timezone.localdate()
    ctas = list(open_ctas(request.viewer, owner_id=owner_id)[:SHOWN])
    return {
        "ctas": ctas,
        "figures": cockpit_figures(request.viewer, owner_id=owner_id, today=today),
        "owner": chosen,
        "today": today,
        "may_act": request.viewer.can("success.act"),
        "shown": SHOWN,
    }
