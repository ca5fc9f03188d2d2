"""The page of a task: the version in service and its challenger side by side, and what may be done with them."""

from datetime import timedelta
from typing import Any

from django.db.models import F, OuterRef, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent
from ml.models import Feedback, ModelAlias, ModelVersion, Prediction, ShadowPrediction
from ml.pages.approval import approval_box
from ml.pages.figures import figures
from ml.pages.frame import frame, may_of, task_or_404
from ml.pages.training import newest_training
from ml.registry import ml_tasks
from ml.services.roll_back import former_champion
from people.requests import StaffRequest, page

WEEKS = timedelta(weeks=4)
Stage = ModelVersion.Stage


@page("ml.view")
@require_GET
def models(request: StaffRequest) -> HttpResponse:
    """Go to the first task."""
    for task in ml_tasks:
        return redirect("model-task", task.key)
    raise Http404("no task")


@page("ml.view")
@require_GET
def compare_versions(request: StaffRequest, task: str) -> HttpResponse:
    """Show the champion and a challenger (``?with=<number>``, by default the one that is next)."""
    part = task_or_404(task)
    context = frame(part, "model-task")
    live: ModelVersion | None = context["live"]
    aliases = {alias.name: alias for alias in ModelAlias.objects.filter(task=task)}
    versions = list(
        ModelVersion.objects.filter(task=task).select_related("run", "created_by").order_by("-number")[:50]
    )
    challenger = _challenger(request, versions, live, aliases)
    subject = challenger or live
    context |= {
        "challenger": challenger,
        "others": [one for one in versions if live is None or one.pk != live.pk],
        "former": former_champion(task) if live else None,
        "may": may_of(request.viewer),
        "training": newest_training(part, request.viewer),
        "live_card": _version_card(live, aliases) if live else None,
        "challenger_card": _version_card(challenger, aliases) if challenger else None,
    }
    if subject is not None:
        context |= figures(part, live if challenger else None, subject)
        context["box"] = approval_box(subject, live, aliases, request.viewer)
    return render(request, "ml/compare.html", context)


def _challenger(
    request: StaffRequest,
    versions: list[ModelVersion],
    live: ModelVersion | None,
    aliases: dict[str, ModelAlias],
) -> ModelVersion | None:
    """The asked one; else the one on trial; else the newest that is not in service, made after the champion."""
    wanted = request.GET.get("with", "")
    if wanted:
        found = next((one for one in versions if str(one.number) == wanted), None)
        if found is None or (live is not None and found.pk == live.pk):
            raise Http404(wanted)
        return found
    tried = [aliases[name].version_id for name in ("canary", "shadow") if name in aliases]
    for one in versions:
        if one.pk in tried:
            return one
    newer = [one for one in versions if live is None or one.number > live.number]
    hopeful = [one for one in newer if one.stage in (Stage.CANDIDATE, Stage.APPROVED)]
    return next(iter(hopeful or newer), None)


def _version_card(version: ModelVersion, aliases: dict[str, ModelAlias]) -> dict[str, Any]:
    """What the pair of versions on top says about one."""
    since = timezone.now() - WEEKS
    roles = [alias for alias in aliases.values() if alias.version_id == version.pk]
    shadow = any(alias.name == ModelAlias.Name.SHADOW for alias in roles)
    if shadow:
        live_label = Prediction.objects.filter(
            task=version.task, subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id")
        ).values("label")[:1]
        answered = ShadowPrediction.objects.filter(version=version, created_at__gt=since).annotate(
            other=Subquery(live_label)
        )
        count, differ = answered.count(), answered.exclude(label=F("other")).count()
        note = (
            _("Says something else than the one in service on %s.") % percent(differ / count, 1)
            if count
            else ""
        )
    else:
        answers = Prediction.objects.filter(version=version, created_at__gt=since)
        count = answers.count()
        wrong = Feedback.objects.filter(
            prediction__version=version,
            prediction__created_at__gt=since,
            source=Feedback.Source.CORRECTION,
        ).count()
        note = _("Agents corrected %s of its answers.") % percent(wrong / count, 1) if count else ""
    return {
        "version": version,
        "url": reverse("model-version", args=[version.task, version.number]),
        "roles": roles,
        "count": count,
        "note": note,
        "tone": {Stage.LIVE: "good", Stage.REJECTED: "bad", Stage.APPROVED: "accent"}.get(
            Stage(version.stage), ""
        ),
        "rows": (version.training or {}).get("rows"),
    }
