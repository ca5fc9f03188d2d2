"""Settings: SLA policies, and what a change of one would move."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseFormSet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core.models import Job
from core.pages.forms import FormPage, ListItem, ListPage, PostButton, add_errors, done, form_page, list_page
from people.requests import StaffRequest, page
from tickets.conditions import in_words
from tickets.models import SLAPolicy, SLAStep, Ticket
from tickets.pages.settings_sla_forms import (
    NEW_POLICY_STEPS,
    PROMISE_FIELDS,
    SLAPolicyForm,
    SLATargetForm,
    StepForm,
    StepFormSet,
    in_hours,
)
from tickets.services.recompute_sla import PREVIEW_KIND, start_preview, start_recompute
from tickets.services.save_sla_policy import StepSpec, delete_sla_policy, save_sla_policy
from tickets.services.set_sla_target import set_sla_target
from tickets.sla_target import sla_target
from tickets.sla_versions import history_of
from tickets.webhook_keys import signing_secret


@page("settings.manage")
def sla_policies(request: StaffRequest) -> HttpResponse:
    """List the SLA policies in the order they are tried."""
    policies = SLAPolicy.objects.select_related("calendar").prefetch_related("targets", "steps")
    items = [
        ListItem(
            name=policy.name,
            url=reverse("settings-sla-policy", args=[policy.pk]),
            sub=_targets_in_words(policy),
            chips=[
                *([] if policy.is_active else [(_("Inactive"), "")]),
                (in_words(policy.condition), ""),
                *_steps_chip(policy),
            ],
            right=policy.calendar.name if policy.calendar else _("around the clock"),
        )
        for policy in policies
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("SLA policies"),
            lead=_(
                "What is promised for which tickets. The first active policy whose condition holds is the promise."
            ),
            new_url=reverse("settings-sla-policy-new"),
            new_label=_("New policy"),
            empty_title=_("Make the first promise"),
            empty_text=_("Without a policy tickets have no deadline and the inbox sorts by age."),
            icon="alarm",
        ),
    )


def _steps_chip(policy: SLAPolicy) -> list[tuple[str, str]]:
    count = len(policy.steps.all())
    return [(ngettext("%d step", "%d steps", count) % count, "")] if count else []


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def sla_target_form(request: StaffRequest) -> HttpResponse:
    """What share of all promises is meant to be kept."""
    form = SLATargetForm(request.POST or None, initial={"percent": round(sla_target() * 100, 1)})
    if request.method == "POST" and form.is_valid():
        set_sla_target(percent=float(form.cleaned_data["percent"]), by=request.viewer)
        return done(request, _("SLA target saved."), "settings-sla-target")
    frame = FormPage(
        heading=_("SLA target"),
        lead=_("What share of all promises is meant to be kept."),
        back_url=reverse("settings-sla-policies"),
    )
    return form_page(request, form, frame)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def sla_policy_form(request: StaffRequest, policy_id: int | None = None) -> HttpResponse:
    """Create or change a policy; saving it computes the deadlines of all living tickets again, in the background."""
    policy = get_object_or_404(SLAPolicy, pk=policy_id) if policy_id else None
    form, steps = _forms(request, policy)
    if request.method == "POST" and form.is_valid() and steps.is_valid():
        try:
            saved = save_sla_policy(
                **form.cleaned_data, steps=_specs(steps), policy=policy, by=request.viewer
            )
            start_recompute(by=request.viewer, because=f"policy:{saved.pk}:{saved.version}")
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(
                request,
                _("SLA policy saved. The deadlines of open tickets are being computed again."),
                "settings-sla-policies",
            )
    return _policy_page(request, policy, form, steps)


def _forms(request: StaffRequest, policy: SLAPolicy | None) -> tuple[SLAPolicyForm, BaseFormSet[StepForm]]:
    data = request.POST or None
    form = SLAPolicyForm(data, initial=SLAPolicyForm.initial_of(policy) if policy else {})
    present = NEW_POLICY_STEPS
    if policy is not None:
        present = [StepForm.initial_of(step) for step in policy.steps.all()]
    steps: BaseFormSet[StepForm] = StepFormSet(data, initial=present, prefix="step")
    return form, steps


def _specs(steps: BaseFormSet[StepForm]) -> list[StepSpec]:
    return [spec for form in steps if (spec := form.spec()) is not None]


def _policy_page(
    request: StaffRequest, policy: SLAPolicy | None, form: SLAPolicyForm, steps: BaseFormSet[StepForm]
) -> HttpResponse:
    buttons, facts = [], []
    if policy is not None:
        buttons = [
            PostButton(
                _("Delete"),
                reverse("settings-sla-policy-delete", args=[policy.pk]),
                confirm=_("Its open tickets get the deadlines of the next policy whose condition holds."),
            )
        ]
        facts = [
            (_("Version"), policy.version),
            (_("Open tickets"), Ticket.objects.active().filter(sla_policy=policy).count()),
            *_webhook_facts(policy),
        ]
    frame = FormPage(
        heading=policy.name if policy else _("New SLA policy"),
        lead=_(
            "Targets are in business hours of the calendar; 0.5 is half an hour, an empty one is not promised."
        ),
        back_url=reverse("settings-sla-policies"),
        fieldsets=[("", ["name", "position", "calendar", "is_active"]), (_("Condition"), ["condition"])],
        buttons=buttons,
        facts=facts,
    )
    preview_url = (
        reverse("settings-sla-preview", args=[policy.pk]) if policy else reverse("settings-sla-preview-new")
    )
    return form_page(
        request,
        form,
        frame,
        template="tickets/settings/sla_policy.html",
        steps=steps,
        promise_names=[words for _short, _name, words in PROMISE_FIELDS],
        preview_url=preview_url,
        history=history_of(policy) if policy else [],
    )


def _webhook_facts(policy: SLAPolicy) -> list[tuple[str, str]]:
    hooks = [step for step in policy.steps.all() if step.action == SLAStep.Action.WEBHOOK]
    return [(_("Signing secret of %s") % step.host, signing_secret(step.signing_token)) for step in hooks]


@require_POST
@page("settings.manage")
def sla_policy_delete(request: StaffRequest, policy_id: int) -> HttpResponse:
    """Delete a policy."""
    delete_sla_policy(policy=get_object_or_404(SLAPolicy, pk=policy_id), by=request.viewer)
    start_recompute(by=request.viewer, because=f"deleted:{policy_id}")
    return done(request, _("SLA policy deleted."), "settings-sla-policies")


@require_POST
@page("settings.manage")
def sla_preview(request: StaffRequest, policy_id: int | None = None) -> HttpResponse:
    """Start to compute what saving the form would move; answers with the part that shows how far it is."""
    policy = get_object_or_404(SLAPolicy, pk=policy_id) if policy_id else None
    form, steps = _forms(request, policy)
    valid = form.is_valid() and steps.is_valid()
    job: Job | None = None
    if valid:
        try:
            job = start_preview(**form.cleaned_data, policy=policy, by=request.viewer)
        except ValidationError as error:
            add_errors(form, error)
    if job is None:
        errors = [text for found in form.errors.values() for text in found]
        context: dict[str, Any] = {"errors": errors or [_("The form cannot be used as it is.")]}
        return render(request, "tickets/settings/_sla_preview.html", context, status=422)
    return render(request, "tickets/settings/_sla_preview.html", _preview_context(job))


@page("settings.manage")
def sla_preview_state(request: StaffRequest, job_id: int) -> HttpResponse:
    """How far the preview is, and what it found."""
    job = get_object_or_404(Job, pk=job_id, kind=PREVIEW_KIND)
    return render(request, "tickets/settings/_sla_preview.html", _preview_context(job))


def _preview_context(job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "is_open": job.state in {Job.State.QUEUED, Job.State.RUNNING},
        "found": _with_moments(job.result) if job.state == Job.State.DONE else {},
    }


def _with_moments(found: dict[str, Any]) -> dict[str, Any]:
    """The result of a preview with moments instead of their texts."""
    examples = [
        {
            **one,
            **{
                name: None if one[name] is None else datetime.fromisoformat(one[name])
                for name in ("before", "after")
            },
        }
        for one in found["examples"]
    ]
    return {**found, "examples": examples}


def _targets_in_words(policy: SLAPolicy) -> str:
    """Return "Urgent 0.5 / 1 / 4 h · High …": first answer, next answers and solution per priority."""
    by_priority = {target.priority: target for target in policy.targets.all()}
    return " · ".join(
        f"{label} "
        + " / ".join(
            in_hours(getattr(target, f"{name}_seconds")) or "–" for _short, name, _words in PROMISE_FIELDS
        )
        + " h"
        for priority, label in reversed(Ticket.Priority.choices)
        if (target := by_priority.get(priority))
    )
