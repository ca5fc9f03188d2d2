"""What agents corrected: pairs of labels, the latest corrections, and the word of quality assurance about them."""

from datetime import timedelta
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Count, F, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core.formatting import percent
from core.pages.forms import done, refused
from ml.models import Feedback, Prediction
from ml.pages.frame import frame, task_or_404
from ml.quality import classes_to_label, label_queue, newest_learned
from ml.registry import MLTask, ShownSubject
from ml.services.give_label import give_label
from people.requests import StaffRequest, page
from people.viewer import Viewer

WEEKS = timedelta(weeks=4)
PAIRS = 12
LATEST = 30
QUEUED = 10


@page("ml.view")
@require_GET
def corrections(request: StaffRequest, task: str) -> HttpResponse:
    """Show four weeks of corrections; ``?was=…&label=…`` narrows the latest ones to a pair."""
    part, viewer = task_or_404(task), request.viewer
    wrong = _wrong(viewer, part.key)
    total = wrong.count()
    pairs = list(
        wrong.values("predicted_label", "label")
        .annotate(count=Count("pk"))
        .order_by("-count", "label")[:PAIRS]
    )
    latest = wrong
    if "was" in request.GET:
        latest = latest.filter(predicted_label=request.GET["was"], label=request.GET.get("label", ""))
    rows = list(latest.select_related("user", "version").order_by("-pk")[:LATEST])
    subjects = part.shown([row.subject_id for row in rows], viewer)
    confirmed = set(
        Feedback.objects.visible_to(viewer)
        .filter(task=part.key, source=Feedback.Source.QA, subject_id__in=[row.subject_id for row in rows])
        .values_list("subject_id", "label")
    )
    most = pairs[0]["count"] if pairs else 1
    context = frame(part, "model-corrections") | {
        "total": total,
        "confusions": [
            {
                "truth": pair["label"],
                "answer": pair["predicted_label"],
                "count": pair["count"],
                "bar": f"{100 * pair['count'] / most:.0f}",
                "share": percent(pair["count"] / total, 1),
                "url": "?" + urlencode({"was": pair["predicted_label"], "label": pair["label"]}),
            }
            for pair in pairs
        ],
        "narrowed": _("%(label)s, was %(was)s")
        % {"label": request.GET.get("label", ""), "was": request.GET["was"]}
        if "was" in request.GET
        else "",
        "rows": [
            (row, subjects.get(row.subject_id), (row.subject_id, row.label) in confirmed) for row in rows
        ],
        "classes": classes_to_label(part, newest_learned(part.key)),
        "to_label": _to_label(part, viewer),
        "may_audit": viewer.can("ml.audit"),
    }
    return render(request, "ml/corrections.html", context)


@require_POST
@page("ml.audit")
def confirm(request: StaffRequest, task: str, label: int) -> HttpResponse:
    """Say that a correction is right: from then on it counts for the guard as an audit does."""
    part = task_or_404(task)
    row = get_object_or_404(_wrong(request.viewer, part.key), pk=label)
    back = reverse("model-corrections", args=[task])
    try:
        give_label(
            task=part.key,
            subject_id=row.subject_id,
            label=row.label,
            source=Feedback.Source.QA,
            by=request.viewer,
        )
    except ValidationError as error:
        return refused(request, error, back)
    return done(request, _("%s is confirmed and counts for the guard.") % row.label, back)


def _to_label(task: MLTask, viewer: Viewer) -> list[tuple[Prediction, ShownSubject]]:
    """What would teach most, as far as the viewer may see it."""
    queue = label_queue(viewer, task.key, since=(timezone.now() - WEEKS).date())
    shown = task.shown([row.subject_id for row in queue], viewer)
    return [(row, shown[row.subject_id]) for row in queue if row.subject_id in shown][:QUEUED]


def _wrong(viewer: Viewer, task: str) -> QuerySet[Feedback]:
    """Corrections of four weeks in which the model had said something else."""
    labels = Feedback.objects.visible_to(viewer).filter(
        task=task, source=Feedback.Source.CORRECTION, created_at__gt=timezone.now() - WEEKS
    )
    return labels.exclude(predicted_label="").exclude(label=F("predicted_label"))
