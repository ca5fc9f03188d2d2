"""Settings: archives of the whole installation."""

from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import done, refused
from imports.archive_tables import LEFT_OUT
from imports.models import Archive
from imports.services.make_archive import discard_archive, fetch_archive, request_archive
from people.requests import StaffRequest, is_partial, page


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def archives(request: StaffRequest) -> HttpResponse:
    """List one's archives; a POST asks for a new one."""
    if request.method == "POST":
        try:
            request_archive(by=request.viewer)
        except ValidationError as error:
            return refused(request, error, "settings-archives")
        return done(request, _("The archive is being made."), "settings-archives")
    rows = list(Archive.objects.visible_to(request.viewer).select_related("job")[:20])
    parts = {"archives": rows, "is_waiting": any(row.is_open for row in rows), "left_out": sorted(LEFT_OUT)}
    return render(
        request, "imports/_archives.html" if is_partial(request) else "imports/archives.html", parts
    )


@page("settings.manage")
@require_GET
def archive_file(request: StaffRequest, reference: str) -> HttpResponseBase:
    """The file, for who has asked for it, while it is kept."""
    archive = _own(request, reference)
    try:
        content = fetch_archive(archive=archive, by=request.viewer)
    except FileNotFoundError:
        raise Http404(_("The file is gone.")) from None
    return FileResponse(
        content,
        as_attachment=True,
        filename=f"cs-ops-{archive.created_at:%Y-%m-%d}.tar",
        content_type="application/x-tar",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


@require_POST
@page("settings.manage")
def archive_discard(request: StaffRequest, reference: str) -> HttpResponse:
    """Stop one that is being made, or delete its file."""
    discard_archive(archive=_own(request, reference), by=request.viewer)
    return done(request, _("The archive is deleted."), "settings-archives")


def _own(request: StaffRequest, reference: str) -> Archive:
    return get_object_or_404(
        Archive.objects.visible_to(request.viewer).select_related("job"), reference=reference
    )
