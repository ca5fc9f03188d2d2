"""Journeys: the map of stages, dwell times, leaks, moments and who stands still; the stages themselves; moves by hand."""

import csv
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from core.charts.flow import FlowMap, flow_map
from core.pages.forms import FormPage, done, form_page, refused, submitted
from customers.journeys import (
    MOST_STALLED,
    PERIODS,
    USUAL_PERIOD,
    Journeys,
    StageFigures,
    journey_accounts,
    journeys,
    moments_by_stage,
    stalled,
)
from customers.models import Account, Stage
from customers.pages.account import find_account
from customers.pages.segments import DefinitionField
from customers.segments import in_words, readable
from customers.services.move_stage import move_stage
from customers.services.save_stage import save_stage
from people.requests import StaffRequest, page

FILTERS = ("tier", "segment", "owner")
TONES = {"onboarding": "info", "adopting": "info", "renewing": "warn", "churned": "bad"}


def _state(request: StaffRequest) -> dict[str, str]:
    days = request.GET.get("days", "")
    known = {str(one) for one in PERIODS}
    state = {name: request.GET.get(name, "").strip()[:40] for name in FILTERS}
    return {**state, "days": days if days in known else str(USUAL_PERIOD)}


@page("customers.view")
@require_GET
def journey_map(request: StaffRequest) -> HttpResponse:
    """Show the journeys of all customers, or of a tier, a segment, one's own."""
    state = _state(request)
    accounts = journey_accounts(request.viewer, state)
    found = journeys(accounts, days=int(state["days"]))
    moments = moments_by_stage(request.viewer, accounts, found.since)
    quiet = list(stalled(accounts)[: MOST_STALLED + 1])
    parts = {
        "state": state,
        "found": found,
        "map": draw_map(found),
        "rows": [(one, moments.get(one.stage.pk, [])) for one in found.stages],
        "stalled": quiet[:MOST_STALLED],
        "more_stalled": len(quiet) > MOST_STALLED,
        "periods": [(str(one), _("%d days") % one) for one in PERIODS],
        "tiers": Account.Tier.choices,
        "segments": readable(request.viewer),
        "export_url": f"{reverse('journeys-export')}?{urlencode(state)}",
        "may_manage": request.viewer.can("settings.manage"),
    }
    return render(request, "customers/journeys.html", parts)


def draw_map(found: Journeys) -> FlowMap:
    """Return the transition map as a drawing."""
    places = {one.stage.pk: place for place, one in enumerate(found.stages)}
    stations = [
        (
            one.stage.name,
            _("%(n)d now · %(days)s") % {"n": one.present, "days": days_words(one)},
            TONES.get(one.stage.phase, "good"),
        )
        for one in found.stages
    ]
    moves = [
        (
            places[one.source.pk],
            places[one.target.pk],
            float(one.number),
            f"{one.source.name} → {one.target.name}: {one.number}",
        )
        for one in found.transitions
        if one.source.pk in places and one.target.pk in places
    ]
    return flow_map(stations, moves)


def days_words(one: StageFigures) -> str:
    """Return the median stay: "34 d", or a dash while fewer than half have left."""
    return "–" if one.dwell.median is None else _("%d d") % round(one.dwell.median)


@page("customers.view")
@require_GET
def journeys_export(request: StaffRequest) -> HttpResponse:
    """Hand out the figures of stages and transitions as CSV."""
    state = _state(request)
    found = journeys(journey_accounts(request.viewer, state), days=int(state["days"]))
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="journeys.csv"'},
    )
    writer = csv.writer(response)
    writer.writerow(
        ["stage", "next_stage", "present", "entered", "left", "number", "median_days", "median_low", "median_high",
         "observed", "ended", "lost", "lost_share", "lost_low", "lost_high"]
    )  # fmt: skip
    for one in found.stages:
        low, high = one.dwell.median_interval
        writer.writerow(
            [one.stage.key, "", one.present, one.entered, one.left, "", _cell(one.dwell.median), _cell(low), _cell(high),
             one.dwell.n, one.dwell.events, one.lost, _cell(one.lost_share), _cell(one.lost_low), _cell(one.lost_high)]
        )  # fmt: skip
    for move in found.transitions:
        median = _cell(move.median_days)
        writer.writerow([move.source.key, move.target.key, "", "", "", move.number, median, *[""] * 8])
    return response


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


class StageForm(forms.Form):
    """A stage with its rules."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    phase = forms.ChoiceField(label=gettext_lazy("Counts as"), choices=Account.Lifecycle.choices)
    position = forms.IntegerField(label=gettext_lazy("Position"), min_value=0, max_value=99)
    stall_days = forms.IntegerField(
        label=gettext_lazy("Stalled after business days"),
        min_value=1,
        max_value=365,
        required=False,
        help_text=gettext_lazy("Without a touch or another stage. Empty: never."),
    )
    is_active = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    is_automatic = forms.BooleanField(label=gettext_lazy("Rules move customers"), required=False)
    entry = DefinitionField(
        label=gettext_lazy("Entry rule"),
        required=False,
        help_text=gettext_lazy("Customers of earlier stages who meet it move here. Without one nobody does."),
    )
    exit = DefinitionField(
        label=gettext_lazy("Exit rule"),
        required=False,
        help_text=gettext_lazy("Who meets it goes back to the last earlier stage whose entry rule holds."),
    )


@page("settings.manage")
@require_GET
def stages(request: StaffRequest) -> HttpResponse:
    """All stages with their rules."""
    rows = [
        {
            "stage": one,
            "entry": in_words(one.entry) if one.entry else "",
            "exit": in_words(one.exit) if one.exit else "",
        }
        for one in Stage.objects.all()
    ]
    return render(request, "customers/stages.html", {"rows": rows})


@page("settings.manage")
@require_http_methods(["GET", "POST"])
def stage_new(request: StaffRequest) -> HttpResponse:
    """Add a stage."""
    form = StageForm(request.POST or None, initial={"position": Stage.objects.count()})
    return _stage_form(request, form, None)


@page("settings.manage")
@require_http_methods(["GET", "POST"])
def stage_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a stage."""
    found = get_object_or_404(Stage, pk=pk)
    names = ("name", "phase", "position", "stall_days", "is_active", "is_automatic", "entry", "exit")
    form = StageForm(request.POST or None, initial={name: getattr(found, name) for name in names})
    return _stage_form(request, form, found)


def _stage_form(request: StaffRequest, form: StageForm, found: Stage | None) -> HttpResponse:
    if request.method == "POST":

        def save(**values: Any) -> Stage:
            return save_stage(values=values, stage=found, by=request.viewer)

        if submitted(form, save) is not None:
            return done(request, _("Stage saved."), reverse("stages"))
    heading = _("New stage") if found is None else found.name
    return form_page(request, form, FormPage(heading=heading, back_url=reverse("stages")))


@page("customers.edit")
@require_http_methods(["POST"])
def account_stage(request: StaffRequest, pk: int) -> HttpResponse:
    """Move an account into another stage by hand."""
    found = find_account(request, pk)
    url = reverse("account-tab", args=[pk, "journey"])
    wanted = request.POST.get("stage", "")
    stage = get_object_or_404(Stage, pk=int(wanted) if wanted.isascii() and wanted.isdecimal() else 0)
    try:
        move_stage(account=found, stage=stage, by=request.viewer, why=request.POST.get("why", ""))
    except ValidationError as error:
        return refused(request, error, url)
    return done(request, _("Moved to “%s”.") % stage.name, url)
