"""Operations: jobs with their progress and log."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.job_runner import OPEN, cancel_job, job_handlers, retry_job
from core.models import Job
from core.pages.forms import done
from core.pages.guard import is_partial, page
from core.pages.querystring import with_query
from core.selectors import counts_by_state

SHOWN = 50


@page("operations.view")
def jobs(request: HttpRequest) -> HttpResponse:
    """List jobs, newest first, by state; htmx gets the list alone."""
    return render(request, "core/_jobs.html" if is_partial(request) else "core/jobs.html", _context(request))


@page("operations.view")
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Show one job with its log; htmx gets the part that changes."""
    row = get_object_or_404(Job.objects.select_related("requested_by"), pk=job_id)
    context = {
        "job": row,
        "label": label_of(row.kind),
        "log": row.log.order_by("-pk")[:500],
        "is_open": row.state in OPEN,
        "can_retry": row.state in (Job.State.FAILED, Job.State.CANCELLED),
        "facts": [
            (_("Kind"), row.kind, ""),
            (_("Key"), row.key, ""),
            (_("Queue"), row.queue, ""),
            (_("Started by"), str(row.requested_by or _("the system")), ""),
            (_("Attempts"), row.attempts, ""),
        ],
    }
    return render(request, "core/_job.html" if is_partial(request) else "core/job.html", context)


@require_POST
@page("operations.retry")
def job_cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """Stop a job before its next slice."""
    row = get_object_or_404(Job, pk=job_id)
    stopped = cancel_job(job=row, by=request.viewer)  # type: ignore[attr-defined]
    return done(request, _("The job is cancelled.") if stopped else _("The job had ended already."), "jobs")


@require_POST
@page("operations.retry")
def job_retry(request: HttpRequest, job_id: int) -> HttpResponse:
    """Queue a failed or cancelled job again."""
    row = get_object_or_404(Job, pk=job_id)
    again = retry_job(job=row, by=request.viewer)  # type: ignore[attr-defined]
    return done(
        request, _("The job goes on where it stopped.") if again else _("The job is not failed."), "jobs"
    )


def label_of(kind: str) -> str:
    """Return the name of a kind of job, or its key for one of a former version."""
    return str(job_handlers.get(kind).label or kind) if kind in job_handlers else kind


def _context(request: HttpRequest) -> dict[str, object]:
    state = request.GET.get("state", "")
    counts = counts_by_state(Job.objects.all())
    rows = Job.objects.order_by("-pk")
    if state in Job.State.values:
        rows = rows.filter(state=state)
    tabs = [{"label": _("All"), "url": "?", "current": not state, "count": sum(counts.values())}]
    tabs += [
        {
            "label": label,
            "url": with_query(request, state=value),
            "current": state == value,
            "count": counts.get(value, 0),
        }
        for value, label in Job.State.choices
    ]
    return {
        "jobs": [{"row": row, "label": label_of(row.kind)} for row in rows[:SHOWN]],
        "tabs": tabs,
        "state": state,
        "moving": counts.get("queued", 0) + counts.get("running", 0),
    }
