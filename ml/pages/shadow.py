"""The shadow beside the version in service: on which of the same subjects they say different things, and who is right."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent, plain
from ml.pages.frame import frame, task_or_404
from ml.trials import compare_shadow
from people.requests import StaffRequest, page


@page("ml.view")
@require_GET
def shadow(request: StaffRequest, task: str) -> HttpResponse:
    """Show agreement, McNemar's test on blind labels, the pairs and the newest disagreements that one may see."""
    part, viewer = task_or_404(task), request.viewer
    found = compare_shadow(viewer, part.key)
    context = frame(part, "model-task") | {"found": found}
    if found is not None:
        subjects = part.shown([one.subject_id for one in found.disagreements], viewer)
        differ = found.rows - found.agree
        context |= {
            "agreement": percent(found.agreement, 1),
            "interval": f"{percent(found.low, 1)} – {percent(found.high, 1)}",
            "verdict": _verdict(found.won, found.lost, found.p_value),
            "p_value": plain(found.p_value, 3) if found.p_value is not None else "",
            "differ": differ,
            "confusions": [
                {
                    "truth": live,
                    "answer": said,
                    "count": count,
                    "bar": f"{100 * count / found.pairs[0][2]:.0f}",
                    "share": percent(count / differ, 1),
                }
                for live, said, count in found.pairs
            ],
            "rows": [
                (one, subjects[one.subject_id]) for one in found.disagreements if one.subject_id in subjects
            ],
            "hidden": sum(one.subject_id not in subjects for one in found.disagreements),
        }
    return render(request, "ml/shadow.html", context)


def _verdict(won: int, lost: int, p_value: float | None) -> str:
    """What the blind labels say so far; McNemar's test asks whether the shadow is better, not whether it is worse."""
    if p_value is None:
        return _("Nobody has labelled any of these subjects blindly yet.")
    if p_value < 0.05:
        return _("The shadow is right more often, beyond luck.")
    if won < lost:
        return _("The one in service is right more often so far.")
    return _("No difference can be told yet.")
