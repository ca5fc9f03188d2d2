"""The watch over a served task: accuracy from blind audits, what drifted, what was stopped, and the queue of the audit."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_GET, require_POST

from core.formatting import percent, plain
from core.pages.forms import done, refused
from ml.models import AuditItem, DriftWindow, RollbackEvent
from ml.models.drift import DriftWindowQuerySet
from ml.monitoring.windows import TERMS, UNKNOWN_WORDS
from ml.pages.frame import frame, task_or_404
from ml.quality import weekly_accuracy
from ml.registry import MLTask
from ml.services.answer_audit import answer_audit, skip_audit
from ml.services.end_stop import end_stop
from people.requests import StaffRequest, page
from people.viewer import Viewer

WEEKS = timedelta(weeks=12)
WINDOWS = 12
# How many open items are looked at for one that the viewer may see.
LOOKED_AT = 200
ITEMS = {
    "abstained": _lazy("left to a person"),
    "label": _lazy("answer"),
    "probability": _lazy("confidence, spread"),
    "confidence": _lazy("confidence, mean"),
    "words": _lazy("length in words"),
    "unknown_words": _lazy("unknown words"),
    DriftWindow.TRUE_LABEL: _lazy("true label"),
}
TONES = {"watch": "w", "alarm": "b"}


@page("ml.view")
@require_GET
def watch(request: StaffRequest, task: str) -> HttpResponse:
    """Show twelve weeks of audits, the last windows of the version in service, and stops."""
    part, viewer = task_or_404(task), request.viewer
    context = frame(part, "model-watch")
    weeks = weekly_accuracy(viewer, task, since=(timezone.now() - WEEKS).date())[::-1]
    context |= {
        "weeks": weeks,
        "accuracy": [round(100 * week.estimate.value, 1) for week in weeks],
        "week_labels": [date_format(week.week, "j M") for week in weeks],
        "week_rows": [
            (
                date_format(week.week, "j M"),
                percent(week.estimate.value, 1),
                f"{percent(week.estimate.low)} – {percent(week.estimate.high)}",
                week.estimate.rows,
            )
            for week in weeks
        ],
        "drift": _drift(
            DriftWindow.objects.visible_to(viewer).of_predictions().filter(version=context["live"])
        )
        if context["live"]
        else [],
        "label_drift": _drift(DriftWindow.objects.visible_to(viewer).of_labels().filter(task=task)),
        "terms": _terms(part, viewer, context["live"].pk) if context["live"] else [],
        "stops": RollbackEvent.objects.visible_to(viewer)
        .filter(task=task)
        .select_related("from_version", "to_version", "ended_by")[:20],
        "open_audits": AuditItem.objects.visible_to(viewer)
        .filter(task=task, state=AuditItem.State.OPEN)
        .count(),
        "may_audit": viewer.can("ml.audit"),
        "may_manage": viewer.can("ml.manage"),
    }
    return render(request, "ml/watch.html", context)


@page("ml.audit")
@require_GET
def audit(request: StaffRequest, task: str) -> HttpResponse:
    """Show the next drawn subject without what the model said."""
    part = task_or_404(task)
    items = AuditItem.objects.visible_to(request.viewer).filter(task=part.key, state=AuditItem.State.OPEN)
    first = list(items.order_by("pk")[:LOOKED_AT])
    shown = part.shown([item.subject_id for item in first], request.viewer)
    item = next((one for one in first if one.subject_id in shown), None)
    context = frame(part, "model-watch") | {
        "item": item,
        "subject": shown[item.subject_id] if item else None,
        "choices": list(part.choices()),
        "left": sum(one.subject_id in shown for one in first),
    }
    return render(request, "ml/audit.html", context)


@require_POST
@page("ml.audit")
def audit_answer(request: StaffRequest, task: str, item: int) -> HttpResponse:
    """Label an item, or skip it without a label, and go to the next one."""
    row = get_object_or_404(AuditItem.objects.visible_to(request.viewer), pk=item, task=task_or_404(task).key)
    back, label = reverse("model-audit", args=[task]), request.POST.get("label", "")
    try:
        if "skip" in request.POST:
            skip_audit(item=row, by=request.viewer)
            return done(request, _("Left out; it counts nowhere."), back)
        answered = answer_audit(item=row, label=label, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, back)
    if answered.label == answered.predicted_label:
        return done(request, _("%s, as the model had said.") % answered.label, back)
    words = {"label": answered.label, "said": answered.predicted_label}
    return done(request, _("%(label)s; the model had said %(said)s.") % words, back)


@require_POST
@page("ml.manage")
def stop_end(request: StaffRequest, task: str, stop: int) -> HttpResponse:
    """Let a frozen or paused task go on."""
    row = get_object_or_404(
        RollbackEvent.objects.visible_to(request.viewer), pk=stop, task=task_or_404(task).key
    )
    back = reverse("model-watch", args=[task])
    try:
        end_stop(stop=row, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, back)
    return done(request, _("The task goes on."), back)


def _terms(task: MLTask, viewer: Viewer, version: int) -> list[dict[str, Any]]:
    """The new terms of the newest window, with the subjects that the viewer may see."""
    window = (
        DriftWindow.objects.visible_to(viewer)
        .filter(version_id=version, item=UNKNOWN_WORDS)
        .order_by("-number")
        .first()
    )
    found = window.shown.get(TERMS, []) if window else []
    shown = task.shown(sorted({pk for one in found for pk in one["examples"]}), viewer)
    return [
        one
        | {
            "before": percent(one["before"], 1),
            "after": percent(one["after"], 1),
            "examples": [shown[pk] for pk in one["examples"] if pk in shown],
        }
        for one in found
    ]


def _drift(windows: DriftWindowQuerySet) -> list[dict[str, Any]]:
    """A line per item with its last windows, oldest first; the verdict is the tests', PSI is only shown."""
    newest = windows.order_by("-number").values_list("number", flat=True).first() or 0
    lines: dict[str, dict[int, DriftWindow]] = defaultdict(dict)
    for window in windows.filter(number__gt=newest - WINDOWS):
        lines[window.item][window.number] = window
    numbers = range(max(1, newest - WINDOWS + 1), newest + 1)
    rows = []
    for item, seen in sorted(lines.items()):
        last = seen.get(newest)
        rows.append(
            {
                "item": ITEMS.get(item) or item.replace("_", " "),
                "cells": [
                    {
                        "css": TONES.get(seen[number].verdict, "") if number in seen else "",
                        "title": f"{seen[number].get_verdict_display()}, p {plain(seen[number].p_adjusted, 3)}"
                        if number in seen
                        else "",
                    }
                    for number in numbers
                ],
                "verdict": last.get_verdict_display() if last else "–",
                "tone": {"watch": "warn", "alarm": "bad"}.get(last.verdict, "") if last else "",
                "psi": plain(last.psi, 2) if last and last.psi is not None else "–",
            }
        )
    return rows
