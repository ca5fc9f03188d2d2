"""The newest training of a task: how far it is, where to watch it, what came of it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core.models import Job
from ml.models import TrainingRun
from ml.pages.frame import may_of, task_or_404
from ml.registry import MLTask
from ml.services.start_training import JOB_KIND
from people.requests import StaffRequest, page
from people.viewer import Viewer


@page("ml.view")
@require_GET
def training(request: StaffRequest, task: str) -> HttpResponse:
    """The line about the newest training, which reads itself again while it runs."""
    return render(
        request,
        "ml/_training.html",
        {
            "task": task_or_404(task),
            "training": newest_training(task_or_404(task), request.viewer),
            "may": may_of(request.viewer),
        },
    )


def newest_training(task: MLTask, viewer: Viewer) -> dict[str, Any] | None:
    """The newest training: how far, where to watch, what came of it."""
    run = TrainingRun.objects.filter(task=task.key).select_related("requested_by", "version").first()
    if run is None:
        return None
    job = (
        Job.objects.filter(kind=JOB_KIND, key=str(run.pk))
        .order_by("-pk")
        .values_list("pk", flat=True)
        .first()
    )
    return {
        "run": run,
        "open": run.state in TrainingRun.OPEN,
        "job": job if viewer.can("operations.view") else None,
        "line": run.log.rsplit("\n", 1)[-1],
        "version": getattr(run, "version", None),
        "bad": run.state in (TrainingRun.State.FAILED, TrainingRun.State.REFUSED),
    }
