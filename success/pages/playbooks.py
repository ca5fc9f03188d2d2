"""Playbooks: the list, one with its accounts and why each is in it, editing, and enrolling an account by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from customers.models import Account
from people.requests import StaffRequest, page
from success.models import Enrolment, Playbook
from success.pages.tabs import success_tabs
from success.registry import playbook_steps, playbook_triggers
from success.selectors import enrolments_of, playbook_rows, recent_skips
from success.services.enrol_account import EnrolmentRefused, enrol_account
from success.services.save_playbook import save_playbook, switch_playbook

SHOWN = 50


class PlaybookForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Name and rules of a playbook; its trigger and steps have forms of their own."""

    class Meta:
        model = Playbook
        fields = ("name", "description", "cooldown_days", "holdout_percent")
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}


@page("success.view")
@require_GET
def playbook_list(request: StaffRequest) -> HttpResponse:
    """Show every playbook with its numbers."""
    context = {
        "playbooks": playbook_rows(request.viewer),
        "tabs": success_tabs("playbook-list"),
        "may_manage": request.viewer.can("success.manage"),
    }
    return render(request, "success/playbook_list.html", context)


@page("success.view")
@require_GET
def playbook_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the steps and the accounts: why each entered, what was done, why each mail left or did not."""
    playbook = get_object_or_404(Playbook, pk=pk)
    state = request.GET.get("state", "")
    rows = enrolments_of(request.viewer, playbook=playbook)
    if state in Enrolment.State.values:
        rows = rows.filter(state=state)
    trigger = playbook_triggers.get(playbook.trigger) if playbook.trigger in playbook_triggers else None
    context = {
        "playbook": playbook,
        "trigger": trigger.label if trigger else playbook.trigger,
        "steps": [_shown(step) for step in playbook.steps],
        "enrolments": list(rows[:SHOWN]),
        "total": rows.count(),
        "skips": recent_skips(request.viewer, playbook),
        "states": [("", _("All")), *Enrolment.State.choices],
        "state": state,
        "tabs": success_tabs("playbook-list"),
        "may_manage": request.viewer.can("success.manage"),
    }
    return render(request, "success/playbook_detail.html", context)


@page("success.manage")
def playbook_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change name, rules, trigger and the texts of the steps."""
    playbook = get_object_or_404(Playbook, pk=pk)
    data = request.POST or None
    form = PlaybookForm(data, instance=playbook)
    trigger = playbook_triggers.get(playbook.trigger).form(
        data, initial=playbook.trigger_config, prefix="trigger"
    )
    parts = [(step, playbook_steps.get(step["kind"])) for step in playbook.steps]
    step_forms = [
        part.form(data, initial=step, prefix=f"step-{number}") for number, (step, part) in enumerate(parts)
    ]
    # Every form is asked, so that all errors are shown at once.
    wrong = [one for one in (form, trigger, *step_forms) if data and not one.is_valid()]
    if data and not wrong:
        values = {
            **{name: form.cleaned_data[name] for name in form.fields},
            "trigger_config": trigger.cleaned_data,
            "steps": [
                {**one.cleaned_data, "kind": part.key}
                for one, (_config, part) in zip(step_forms, parts, strict=True)
            ],
        }
        try:
            save_playbook(playbook=Playbook.objects.get(pk=pk), values=values, by=request.viewer)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(
                request,
                _("Saved as a new version. Accounts that are in it keep the steps they entered with."),
            )
            return redirect("playbook-detail", pk=pk)
    context = {
        "playbook": Playbook.objects.get(pk=pk),
        "form": form,
        "trigger": trigger,
        "steps": [
            {"label": part.label, "icon": part.icon, "form": one}
            for one, (_config, part) in zip(step_forms, parts, strict=True)
        ],
        "tabs": success_tabs("playbook-list"),
    }
    return render(request, "success/playbook_edit.html", context, status=422 if data else 200)


@page("success.manage")
@require_POST
def playbook_switch(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch a playbook on or off (``on`` is "1" or "0")."""
    playbook = get_object_or_404(Playbook, pk=pk)
    is_active = request.POST.get("on") == "1"
    switch_playbook(playbook=playbook, is_active=is_active, by=request.viewer)
    messages.success(request, _("Switched on.") if is_active else _("Switched off. Nothing more leaves."))
    return redirect("playbook-detail", pk=pk)


@page("success.act")
@require_POST
def account_enrol(request: StaffRequest, pk: int) -> HttpResponse:
    """Enrol an account in a playbook by hand and go back to the account."""
    account = get_object_or_404(Account.objects.visible_to(request.viewer), pk=pk)
    playbook = get_object_or_404(Playbook, pk=request.POST.get("playbook") or 0)
    reason = request.POST.get("reason", "").strip() or _("Enrolled by hand")
    try:
        enrolment = enrol_account(
            playbook=playbook, account=account, by=request.viewer, reason=reason, ignore_cooldown=True
        )
    except EnrolmentRefused as refused:
        messages.error(request, str(refused))
    else:
        held_out = enrolment.state == Enrolment.State.CONTROL
        text = _("The account belongs to the control group: nothing is sent.") if held_out else _("Enrolled.")
        messages.success(request, text)
    return redirect("account", pk=account.pk)


def _shown(step: dict[str, Any]) -> dict[str, Any]:
    part = playbook_steps.get(step["kind"])
    return {"label": part.label, "icon": part.icon, "summary": part.summary(step), "config": step}
