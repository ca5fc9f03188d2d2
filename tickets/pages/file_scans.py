"""Operations: how the malware scanner is, what waits for it, what it found, and having files scanned again."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.job_runner import OPEN
from core.models import Job
from core.pages.forms import done
from core.pages.querystring import with_query
from people.requests import StaffRequest, is_partial, page
from tickets.models import StoredFile
from tickets.selectors_files import files_in, with_tickets
from tickets.services.scan_files import RESCAN_KIND, counts_of_files, request_rescan, scanner_state

SHOWN = 50
_TABS = (
    (StoredFile.Scan.INFECTED, gettext_lazy("Blocked")),
    (StoredFile.Scan.FAILED, gettext_lazy("Not possible")),
    ("due", gettext_lazy("Waiting")),
    (StoredFile.Scan.CLEAN, gettext_lazy("Clean")),
)


@page("operations.view")
def file_scans(request: StaffRequest) -> HttpResponse:
    """Show the scanner and the files of one verdict; htmx gets the part that changes."""
    counts = counts_of_files()
    keys = [str(key) for key, _label in _TABS]
    state = request.GET.get("state", "")
    state = state if state in keys else keys[0]
    rows = files_in(state)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: SHOWN + 1])
    more = len(found) > SHOWN
    context = {
        "scanner": scanner_state(),
        "tabs": [
            {
                "label": label,
                "url": with_query(request, state=str(key), before=""),
                "current": str(key) == state,
                "count": counts[str(key)],
            }
            for key, label in _TABS
        ],
        "rows": with_tickets(request.viewer, found[:SHOWN]),
        "state": state,
        "waiting": counts["due"],
        "next_url": with_query(request, before=str(found[SHOWN - 1].pk)) if more else "",
        "job": Job.objects.filter(kind=RESCAN_KIND, state__in=OPEN).first(),
        "can_start": request.viewer.can("operations.retry"),
    }
    template = (
        "tickets/settings/_file_scans.html" if is_partial(request) else "tickets/settings/file_scans.html"
    )
    return render(request, template, context)


@require_POST
@page("operations.retry")
def scan_again(request: StaffRequest) -> HttpResponse:
    """Have the files of one verdict scanned again, or all of them."""
    state = request.POST.get("state", "")
    by = request.viewer
    job = request_rescan(by=by, states=[state]) if state in StoredFile.Scan.values else request_rescan(by=by)
    text = _("The files are being put in line (job %d). Each keeps its verdict until there is a new one.")
    return done(request, text % job.pk, "file-scans")
