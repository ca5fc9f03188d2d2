"""The command palette and the search page: the palette links, the page shows the apps' sections and then the links."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.pages.forms import ListItem
from core.pages.guard import page
from core.palette import search_everything
from core.search.sections import search_sections


@page()
def palette(request: HttpRequest) -> HttpResponse:
    """Answer the palette with links."""
    query = request.GET.get("q", "")
    groups = search_everything(request.viewer, query)  # type: ignore[attr-defined]
    return render(request, "ui/palette_results.html", {"groups": groups, "query": query.strip()})


@page()
def search(request: HttpRequest) -> HttpResponse:
    """Show what is found on a page of its own, which works without script and can be linked to."""
    viewer = request.viewer  # type: ignore[attr-defined]
    query = request.GET.get("q", "").replace("\x00", "").strip()
    parts = sorted(
        (part for part in search_sections if not part.permission or viewer.can(part.permission)),
        key=lambda part: (part.order, part.key),
    )
    sections = [
        {
            "label": str(part.label),
            "template": part.template,
            "found": part.context(viewer, request.GET.dict()),
        }
        for part in parts
        if query
    ]
    others = search_everything(viewer, query, limit=10, without=[part.key for part in parts]) if query else []
    links = [
        (group.label, [ListItem(name=item.label, url=item.url, sub=item.sub) for item in group.items_list])
        for group in others
    ]
    help_lines = [line for part in parts for line in part.help()]
    return render(
        request,
        "core/search.html",
        {"sections": sections, "groups": links, "query": query, "help_lines": help_lines},
    )
