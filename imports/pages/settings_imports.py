"""Settings: imports from other systems."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import ListItem, ListPage, add_errors, done, list_page, refused
from imports.models import Import
from imports.pages.forms import UploadForm
from imports.registry import importers
from imports.selectors import (
    count_lines,
    import_inboxes,
    import_list,
    kind_lines,
    mapping_sections,
    preview_of,
    problem_rows,
    problems_as_csv,
)
from imports.services.forget_old import delete_import
from imports.services.run_import import check_import, resume_import, save_mapping, start_import, stop_import
from imports.services.undo_import import undo_import
from imports.services.upload_import import upload_import
from people.requests import StaffRequest, is_partial, page

TONES = {"done": "good", "failed": "bad", "running": "info", "undone": ""}
SHOWN = 50


@page("imports.manage")
@require_GET
def imports(request: StaffRequest) -> HttpResponse:
    """List the imports with how they stand."""
    items = [
        ListItem(
            name=f"{importers.get(run.source).label} · {run.system}"
            if run.source in importers
            else run.system,
            url=reverse("settings-import", args=[run.pk]),
            sub=", ".join(str(file["name"]) for file in run.files),
            chips=[state_of(run)],
            right=run.created_at.strftime("%Y-%m-%d"),
        )
        for run in import_list(request.viewer)[:SHOWN]
    ]
    frame = ListPage(
        heading=_("Imports"),
        lead=_(
            "Customers, people and tickets from other systems, with their ids and dates. Nothing is sent or promised."
        ),
        new_url=reverse("settings-import-new"),
        new_label=_("New import"),
        empty_title=_("Bring your history along"),
        empty_text=_(
            "From Zendesk, Freshdesk, Zammad, mailboxes or tables. It is checked first, and can be undone."
        ),
        icon="file-import",
    )
    return list_page(request, items, frame)


def state_of(run: Import) -> tuple[str, str]:
    """Return how an import stands, in a word and its tone."""
    if run.is_stuck and run.job is not None:
        return str(run.job.get_state_display()), "bad" if run.job.state == "failed" else ""
    if run.is_busy and run.state in (Import.State.READ, Import.State.CHECKED):
        return _("Being checked"), "info"
    return str(run.get_state_display()), TONES.get(run.state, "")


@page("imports.manage")
@require_GET
def import_new(request: StaffRequest) -> HttpResponse:
    """Choose where it comes from."""
    items = [
        ListItem(
            name=str(one.label),
            url=reverse("settings-import-upload", args=[one.key]),
            sub=str(one.description),
        )
        for one in importers
    ]
    frame = ListPage(heading=_("New import"), lead=_("Where does it come from?"), icon="file-import")
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("imports.manage")
def import_upload(request: StaffRequest, source: str) -> HttpResponse:
    """Upload files of one kind of source."""
    if source not in importers:
        raise Http404(_("There is no such kind of import."))
    importer = importers.get(source)
    is_sent = request.method == "POST"
    form = UploadForm(
        request.POST if is_sent else None, request.FILES if is_sent else None, importer=importer
    )
    if not form.is_bound:
        first = import_inboxes().order_by("pk").first()
        form.fields["inbox"].initial = first
    if form.is_valid():
        try:
            run = upload_import(source=source, by=request.viewer, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect("settings-import", run.pk)
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "imports/upload.html", {"form": form, "importer": importer}, status=status)


@page("imports.manage")
@require_GET
def import_detail(request: StaffRequest, import_id: int) -> HttpResponse:
    """Show an import: how far it is, what is to be said about it, what became of it; htmx gets the part that changes."""
    run = _own(request, import_id)
    template = "imports/_import.html" if is_partial(request) else "imports/import.html"
    return render(request, template, _parts(run))


def _parts(run: Import) -> dict[str, object]:
    may_map = run.state in (Import.State.READ, Import.State.CHECKED) and not run.is_busy
    problems = list(problem_rows(run)[:20]) if run.state != Import.State.UPLOADED else []
    chip, tone = state_of(run)
    return {
        "run": run,
        "importer": importers.get(run.source) if run.source in importers else None,
        "chip": chip,
        "tone": tone,
        "may_map": may_map,
        "sections": mapping_sections(run) if may_map else [],
        "preview": preview_of(run) if may_map else None,
        "kinds": kind_lines(run),
        "counts": count_lines(run),
        "problems": problems,
        "may_undo": run.state in (Import.State.RUNNING, Import.State.DONE) and not run.is_busy,
        "may_delete": not run.is_busy,
        "left": run.left[:50],
    }


@require_POST
@page("imports.manage")
def import_mapping(request: StaffRequest, import_id: int) -> HttpResponse:
    """Save the mapping; "check" starts the dry run behind it."""
    run = _own(request, import_id)
    mapping = {
        section.key: {
            choice.theirs: request.POST.get(choice.name, choice.chosen) for choice in section.choices
        }
        for section in mapping_sections(run)
    }
    here = reverse("settings-import", args=[run.pk])
    try:
        run = save_mapping(run=run, mapping=mapping, by=request.viewer)
        if request.POST.get("then") == "check":
            check_import(run=run, by=request.viewer)
            return redirect(here)
    except ValidationError as error:
        return refused(request, error, here)
    return done(request, _("The mapping is saved."), here)


_ACTS = {
    "check": check_import, "start": start_import, "stop": stop_import, "resume": resume_import, "undo": undo_import,
}  # fmt: skip


@require_POST
@page("imports.manage")
def import_act(request: StaffRequest, import_id: int, act: str) -> HttpResponse:
    """Check, start, stop, go on, undo."""
    run = _own(request, import_id)
    here = reverse("settings-import", args=[run.pk])
    if act not in _ACTS:
        raise Http404
    try:
        _ACTS[act](run=run, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, here)
    return redirect(here)


@require_POST
@page("imports.manage")
def import_delete(request: StaffRequest, import_id: int) -> HttpResponse:
    """Delete an import with its files; what it made stays."""
    run = _own(request, import_id)
    if run.is_busy:
        return refused(
            request, ValidationError(_("Stop it first.")), reverse("settings-import", args=[import_id])
        )
    delete_import(run=run, by=request.viewer)
    return done(request, _("The import is deleted; what it brought stays."), "settings-imports")


@page("imports.manage")
@require_GET
def import_problems(request: StaffRequest, import_id: int) -> HttpResponse:
    """List what is refused or noted, page by page."""
    run = _own(request, import_id)
    rows = Paginator(problem_rows(run), SHOWN).get_page(request.GET.get("page"))
    return render(request, "imports/problems.html", {"run": run, "rows": rows})


@page("imports.manage")
@require_GET
def import_problems_csv(request: StaffRequest, import_id: int) -> HttpResponse:
    """Hand the refused rows out as a table, to be corrected and uploaded again."""
    run = _own(request, import_id)

    def lines() -> Iterator[bytes]:
        yield b"\xef\xbb\xbf"
        for line in problems_as_csv(run):
            yield line.encode()

    return HttpResponse(
        b"".join(lines()),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="import-{run.pk}-refused.csv"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def _own(request: StaffRequest, import_id: int) -> Import:
    return get_object_or_404(import_list(request.viewer), pk=import_id)
