"""The command palette and the search page: the same results in two dresses."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.pages.forms import ListItem
from core.pages.guard import page
from core.palette import search_everything


@page()
def palette(request: HttpRequest) -> HttpResponse:
    """Answer the palette with links."""
    groups = search_everything(request.viewer, request.GET.get("q", ""))  # type: ignore[attr-defined]
    return render(request, "ui/palette_results.html", {"groups": groups})


@page()
def search(request: HttpRequest) -> HttpResponse:
    """Show what is found on a page of its own, which works without script and can be linked to."""
    query = request.GET.get("q", "").strip()
    groups = search_everything(request.viewer, query, limit=25) if query else []  # type: ignore[attr-defined]
    found = [
        (group.label, [ListItem(name=item.label, url=item.url, sub=item.sub) for item in group.items_list])
        for group in groups
    ]
    return render(request, "core/search.html", {"groups": found, "query": query})
