"""The golden cases of a task: what every new version must answer rightly, kept, changed and retired by people."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import done, refused, submitted
from ml.models import GoldenCase, Prediction
from ml.pages.frame import frame, task_or_404
from ml.registry import MLTask
from ml.services.keep_golden_case import (
    LONGEST_TEXT,
    change_golden_case,
    keep_golden_case,
    retire_golden_case,
)
from people.requests import StaffRequest, page

SHOWN = 500
EXCERPT = 300


class LabelForm(forms.Form):
    """What must be answered, and why."""

    label = forms.CharField(label=gettext_lazy("Must be"), max_length=120)
    reason = forms.CharField(label=gettext_lazy("Why (may be empty)"), max_length=2_000, required=False)

    def __init__(self, task: MLTask, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if choices := task.choices():
            self.fields["label"] = forms.ChoiceField(
                label=gettext_lazy("Must be"), choices=[(one, one) for one in choices]
            )


class TextForm(LabelForm):
    """A case about an invented text."""

    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy(
            "Invented or without anything that tells who wrote it: no erasure finds it here. "
            "A customer's own words are kept from the ticket, and erased with it."
        ),
    )
    field_order = ("text", "label", "reason")


@page("ml.view")
@require_http_methods(["GET", "POST"])
def golden(request: StaffRequest, task: str) -> HttpResponse:
    """List the cases in force, and keep a new one about a text."""
    part, viewer = task_or_404(task), request.viewer
    form = TextForm(part, request.POST or None)
    if request.method == "POST" and submitted(form, keep_golden_case, task=part.key, by=viewer) is not None:
        return done(request, _("Every new version must answer this from now on."), _address(task))
    cases = list(
        GoldenCase.objects.visible_to(viewer)
        .filter(task=part.key, retired_at=None)
        .select_related("created_by")
        .order_by("-pk")[:SHOWN]
    )
    ids = [case.subject_id for case in cases if case.subject_id is not None]
    subjects = part.shown(ids, viewer)
    said = dict(
        Prediction.objects.filter(
            task=part.key, subject_kind=part.subject_kind, subject_id__in=ids
        ).values_list("subject_id", "label")
    )
    context = frame(part, "model-golden") | {
        "cases": [
            {
                "case": case,
                "subject": subjects.get(case.subject_id or 0),
                "excerpt": case.text[:EXCERPT] if case.subject_id is None else "",
                "said": said.get(case.subject_id or 0, ""),
            }
            for case in cases
        ],
        "form": form,
        "may_audit": viewer.can("ml.audit"),
        "may_text": viewer.can("ml.audit") and part.reads_text,
    }
    return render(request, "ml/golden.html", context, status=422 if form.is_bound else 200)


@page("ml.audit")
@require_http_methods(["GET", "POST"])
def golden_case(request: StaffRequest, task: str, case: int) -> HttpResponse:
    """Change the label or the reason of a case."""
    part = task_or_404(task)
    row = _case(request, part, case)
    form = LabelForm(part, request.POST or None, initial={"label": row.label, "reason": row.reason})
    if (
        request.method == "POST"
        and submitted(form, change_golden_case, case=row, by=request.viewer) is not None
    ):
        return done(request, _("Changed."), _address(task))
    context = frame(part, "model-golden") | {"case": row, "form": form, "back_url": _address(task)}
    return render(request, "ml/golden_case.html", context, status=422 if form.is_bound else 200)


@page("ml.audit")
@require_POST
def golden_retire(request: StaffRequest, task: str, case: int) -> HttpResponse:
    """Ask a case of no version any more."""
    try:
        retire_golden_case(case=_case(request, task_or_404(task), case), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, _address(task))
    return done(request, _("No version is asked this any more."), _address(task))


def _case(request: StaffRequest, task: MLTask, pk: int) -> GoldenCase:
    return get_object_or_404(
        GoldenCase.objects.visible_to(request.viewer), pk=pk, task=task.key, retired_at=None
    )


def _address(task: str) -> str:
    return reverse("model-golden", args=[task])
