"""What health scores were worth: what became of each band, and the churns that no score announced, with their review."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from core.formatting import plain
from health.models import BandOutcome, SurpriseChurn
from health.outcomes import band_proofs
from health.selectors import label_of
from health.services.review_surprises import close_surprise
from people.requests import StaffRequest, page

PAGE = 50
STATES = ("open", "closed")


class ReviewForm(forms.Form):
    """Why nobody saw it coming."""

    root_cause = forms.ChoiceField(
        label=gettext_lazy("Root cause"), choices=[("", ""), *SurpriseChurn.RootCause.choices]
    )
    note = forms.CharField(
        label=gettext_lazy("What the card missed"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        required=False,
    )


@page("health.view")
@require_GET
def health_proof(request: StaffRequest) -> HttpResponse:
    """Show bands and surprises; ``?state=open|closed`` and ``before`` are in the query string."""
    return render(request, "health/proof.html", _context(request))


@page("health.view")
@require_GET
def surprise_rows(request: StaffRequest) -> HttpResponse:
    """Further rows with the next "Load more"."""
    return render(request, "health/_surprise_more.html", _context(request))


@page("health.override")
def surprise_close(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the dialog of a review (GET), close it (POST)."""
    surprise = get_object_or_404(SurpriseChurn.objects.visible_to(request.viewer), pk=pk)
    form = ReviewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        closed = close_surprise(by=request.viewer, surprise=surprise, **form.cleaned_data)
        messages.success(request, _("Reviewed.") if closed else _("It was reviewed already."))
        back = reverse("health-proof")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": back})
        return redirect(back)
    status = 422 if form.is_bound else 200
    context = {"surprise": surprise, "missed": missed_words(surprise), "form": form}
    return render(request, "health/_surprise_close.html", context, status=status)


def _context(request: StaffRequest) -> dict[str, Any]:
    state = request.GET.get("state", "open")
    state = state if state in STATES else "open"
    seen = SurpriseChurn.objects.visible_to(request.viewer).filter(closed_at__isnull=state == "open")
    rows: QuerySet[SurpriseChurn] = seen.select_related("account").order_by("-left_on", "-pk")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit():
        rows = rows_before(rows, int(before))
    found = list(rows[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    query = {"state": state, "before": found[-1].pk} if more else {}
    measured = BandOutcome.objects.order_by("-until").values_list("until", flat=True).first()
    return {
        "proofs": list(band_proofs().values()),
        "until": measured,
        "surprises": [(row, missed_words(row)) for row in found],
        "next_url": f"{reverse('surprise-rows')}?{urlencode(query)}" if more else None,
        "may_edit": request.viewer.can("health.override"),
        "tabs": [
            {
                "label": _("To review") if name == "open" else _("Reviewed"),
                "url": f"{reverse('health-proof')}?state={name}",
                "current": name == state,
                "count": None,
            }
            for name in STATES
        ],
    }


def rows_before(rows: "QuerySet[SurpriseChurn]", pk: int) -> "QuerySet[SurpriseChurn]":
    """Return what follows a row in the order of leaving; an unknown row starts anew."""
    left_on = SurpriseChurn.objects.filter(pk=pk).values_list("left_on", flat=True).first()
    if left_on is None:
        return rows
    return rows.filter(Q(left_on__lt=left_on) | Q(left_on=left_on, pk__lt=pk))


def missed_words(surprise: SurpriseChurn) -> str:
    """Say what the card knew and did not weigh, and what it did not know."""
    low = [f"{label_of(one['key'])} {plain(one['n'])}" for one in surprise.missed if one["n"] is not None]
    missing = [label_of(one["key"]) for one in surprise.missed if one["n"] is None]
    words = [", ".join(low)] if low else []
    if missing:
        words.append(_("not known: %(signals)s") % {"signals": ", ".join(missing)})
    return "; ".join(words) or _("every signal looked good")
