"""Operations: how much of the texts is indexed for search, and indexing them again."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.job_runner import OPEN, start_job
from core.models import Job
from core.pages.forms import done
from core.pages.guard import is_partial, page
from core.search.sources import index_state, search_sources

KIND = "core.reindex"


@page("operations.view")
def search_index(request: HttpRequest) -> HttpResponse:
    """Show the last count by kind of text; htmx gets the part that changes."""
    state = index_state()
    rows = []
    for source in search_sources:
        total, missing = state.counts.get(source.key, [0, 0])
        rows.append(
            {
                "label": str(source.label),
                "total": total,
                "missing": missing,
                "indexed": total - missing,
                "percent": 100 if not total else int(100 * (total - missing) / total),
            }
        )
    context = {
        "rows": rows,
        "missing": sum(state.missing.values()),
        "counted_at": datetime.fromisoformat(state.counted_at) if state.counted_at else None,
        "anew": state.anew,
        "job": Job.objects.filter(kind=KIND, state__in=OPEN).first(),
        "can_start": request.viewer.can("operations.retry"),  # type: ignore[attr-defined]
    }
    template = "core/_search_index.html" if is_partial(request) else "core/search_index.html"
    return render(request, template, context)


@require_POST
@page("operations.retry")
def search_reindex(request: HttpRequest) -> HttpResponse:
    """Start the job that indexes everything again; the one that runs is shown instead of a second."""
    viewer = request.viewer  # type: ignore[attr-defined]
    job = start_job(kind=KIND, key="all", by=viewer, requested_by_id=viewer.user_id)
    done(request, _("Everything is being indexed again. Search works meanwhile."), "search-index")
    return redirect("job", job_id=job.pk)
