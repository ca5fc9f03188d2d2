"""The catalogue of features."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from core.formatting import plain
from ml.features.catalogue import Entry, catalogue
from ml.models import DriftWindow
from ml.pages.frame import FEATURES, sidenav
from people.requests import StaffRequest, page

ENTITIES = {
    "ticket": _("Ticket"),
    "account": _("Customer"),
    "contact": _("Contact"),
    "agent": _("Agent"),
    "team": _("Team"),
}
TONES = {"watch": "warn", "alarm": "bad"}


@page("ml.view")
@require_GET
def features(request: StaffRequest) -> HttpResponse:
    """Show every feature with its owner, what uses it, an example and its drift."""
    rows = [_row(entry) for entry in catalogue(request.viewer)]
    groups = [
        {"label": label, "rows": [row for row in rows if row["entity"] == entity]}
        for entity, label in ENTITIES.items()
    ]
    context = {"groups": [group for group in groups if group["rows"]], "count": len(rows)}
    return render(request, "ml/features.html", sidenav(FEATURES) | context)


def _row(entry: Entry) -> dict[str, object]:
    one, value = entry.definition, entry.example
    return {
        "definition": one,
        "entity": one.entity,
        "name": one.name.partition(".")[2],
        "sources": ", ".join(one.sources),
        "example": plain(value, 2) if isinstance(value, float) else value,
        "flag": value if isinstance(value, bool) else None,
        "drift": str(DriftWindow.Verdict(entry.drift).label) if entry.drift else "",
        "tone": TONES.get(entry.drift, ""),
        "uses": [
            {
                "title": use.title,
                "url": reverse("model-task", args=[use.task]),
                "learned": [
                    {"version": version, "models": ", ".join(models)}
                    for version, models in sorted(use.versions.items())
                ],
                "serves": bool(use.champion),
            }
            for use in entry.uses
        ],
    }
