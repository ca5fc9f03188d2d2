"""What agents corrected: pairs of labels, the latest corrections, what drifted, and the queue of the blind audit."""

from datetime import timedelta

from django.db.models import Count, F
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent
from ml.models import Feedback
from ml.pages.frame import frame, task_or_404
from people.requests import StaffRequest, page

WEEKS = timedelta(weeks=4)
PAIRS = 12
LATEST = 30


@page("ml.view")
@require_GET
def corrections(request: StaffRequest, task: str) -> HttpResponse:
    """Show four weeks of corrections; ``?was=…&label=…`` narrows the latest ones to a pair."""
    part = task_or_404(task)
    labels = Feedback.objects.visible_to(request.viewer).filter(
        task=part.key, source=Feedback.Source.CORRECTION, created_at__gt=timezone.now() - WEEKS
    )
    wrong = labels.exclude(predicted_label="").exclude(label=F("predicted_label"))
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
    subjects = part.shown([row.subject_id for row in rows], request.viewer)
    most = pairs[0]["count"] if pairs else 1
    context = frame(part, "model-corrections") | {
        "total": total,
        "pairs": [
            {
                "was": pair["predicted_label"],
                "label": pair["label"],
                "count": pair["count"],
                "bar": f"{100 * pair['count'] / most:.0f}",
                "share": percent(pair["count"] / total, 1),
            }
            for pair in pairs
        ],
        "narrowed": _("%(label)s, was %(was)s")
        % {"label": request.GET.get("label", ""), "was": request.GET["was"]}
        if "was" in request.GET
        else "",
        "rows": [(row, subjects.get(row.subject_id)) for row in rows],
    }
    return render(request, "ml/corrections.html", context)
