"""Segments: the list, one with its members, the builder with its live preview, and why an account is in or out."""

import csv
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.conditions import form as condition_form
from core.conditions.form import Rows, options_of, read_sent
from core.pages.forms import done, refused, submitted
from customers.models import Account, Segment, SegmentMembership
from customers.pages.account import find_account
from customers.pages.portfolio import csv_cell
from customers.segments import (
    AccountFields,
    all_fields,
    check_definition,
    explain,
    in_words,
    preview,
    readable,
    readable_segment,
)
from customers.services.save_segment import delete_segment, may_change_segment, save_segment
from people.requests import StaffRequest, is_partial, page

PAGE_SIZE = 50
EXPORTED = 10_000
RECENT_DAYS = 7

ACCOUNTS = Rows(
    listed=all_fields,
    known=AccountFields,
    options_url="segment-options",
    every=gettext_lazy("No condition: every customer."),
)


class DefinitionWidget(condition_form.ConditionWidget):
    """The builder over the fields of accounts."""

    rows = ACCOUNTS


class DefinitionField(condition_form.ConditionFormField):
    """A condition on accounts."""

    widget = DefinitionWidget


class SegmentForm(forms.Form):
    """A segment."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=300, required=False)
    is_shared = forms.BooleanField(
        label=gettext_lazy("Everyone sees it"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Playbooks can start by shared segments only."),
    )
    definition = DefinitionField(
        label=gettext_lazy("Customers"),
        required=False,
        help_text=gettext_lazy("Former customers are in it only when you ask about stage or churn."),
    )


def find_segment(request: StaffRequest, pk: int) -> Segment:
    """Return a segment that the viewer may see; 404 otherwise."""
    found = readable_segment(request.viewer, pk)
    if found is None:
        raise Http404(_("There is no such segment."))
    return found


@page("customers.view")
@require_GET
def segments(request: StaffRequest) -> HttpResponse:
    """All segments with their numbers."""
    found = readable(request.viewer)
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    moves = _moves([one.pk for one in found], since)
    rows = [
        {"segment": one, "words": one.description or in_words(one.definition), **moves.get(one.pk, {})}
        for one in found
    ]
    parts = {"rows": rows, "may_edit": request.viewer.can("customers.edit"), "days": RECENT_DAYS}
    return render(request, "customers/segments.html", parts)


def _moves(ids: list[int], since: Any) -> dict[int, dict[str, int]]:
    """How many entered and left since, by segment. One query."""
    rows = SegmentMembership.objects.filter(segment__in=ids).filter(
        Q(entered_at__gte=since) | Q(left_at__gte=since)
    )
    counted = rows.values("segment").annotate(
        entered=Count("pk", filter=Q(entered_at__gte=since)), left=Count("pk", filter=Q(left_at__gte=since))
    )
    return {row["segment"]: {"entered": row["entered"], "left": row["left"]} for row in counted}


@page("customers.view")
@require_GET
def segment(request: StaffRequest, pk: int) -> HttpResponse:
    """One segment: what it asks, who is in it, who has left."""
    found = find_segment(request, pk)
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    left = (
        SegmentMembership.objects.filter(segment=found, left_at__isnull=False)
        .select_related("account")
        .order_by("-left_at", "-pk")[:10]
    )
    parts = {
        "segment": found,
        "words": in_words(found.definition),
        "may_change": may_change_segment(found, request.viewer),
        "waiting": found.evaluated_revision != found.revision,
        "days": RECENT_DAYS,
        "moves": _moves([found.pk], since).get(found.pk, {"entered": 0, "left": 0}),
        "left": left,
        **_members(request, found),
    }
    return render(request, "customers/segment.html", parts)


@page("customers.view")
@require_GET
def segment_rows(request: StaffRequest, pk: int) -> HttpResponse:
    """Further members."""
    return render(request, "customers/_segment_more.html", _members(request, find_segment(request, pk)))


def _members(request: StaffRequest, found: Segment) -> dict[str, Any]:
    rows = SegmentMembership.objects.filter(segment=found, left_at=None).select_related("account__csm")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdecimal() and len(after) < 18:
        rows = rows.filter(pk__lt=int(after))
    shown = list(rows.order_by("-pk")[: PAGE_SIZE + 1])
    more = len(shown) > PAGE_SIZE
    shown = shown[:PAGE_SIZE]
    url = f"{reverse('segment-rows', args=[found.pk])}?after={shown[-1].pk}" if more else ""
    return {"segment": found, "members": shown, "next_url": url, "shown": len(shown), "total": found.members}


@page("customers.view")
@require_GET
def segment_export(request: StaffRequest, pk: int) -> HttpResponse:
    """Hand out the members as CSV, at most EXPORTED, the latest first."""
    found = find_segment(request, pk)
    name = f"segment-{found.pk}-{timezone.localdate():%Y-%m-%d}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    writer = csv.writer(response)
    writer.writerow(["id", "name", "tier", "stage", "csm", "arr", "currency", "health_band", "entered_at"])
    rows = SegmentMembership.objects.filter(segment=found, left_at=None).select_related("account__csm")
    for row in rows.order_by("-pk")[:EXPORTED]:
        one = row.account
        writer.writerow(
            [
                one.pk, csv_cell(one.name), one.tier, one.lifecycle, csv_cell(str(one.csm or "")), one.arr, one.currency,
                one.health_band if request.viewer.can("health.view") else "", row.entered_at.isoformat(),
            ]
        )  # fmt: skip
    return response


@page("customers.edit")
@require_http_methods(["GET", "POST"])
def segment_new(request: StaffRequest) -> HttpResponse:
    """Build a segment."""
    form = SegmentForm(request.POST or None)
    if request.method == "POST":
        saved = submitted(form, save_segment, by=request.viewer)
        if saved is not None:
            return done(request, _("Segment saved."), reverse("segment", args=[saved.pk]))
    return _form(request, form, None)


@page("customers.edit")
@require_http_methods(["GET", "POST"])
def segment_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a segment."""
    found = find_segment(request, pk)
    if not may_change_segment(found, request.viewer):
        raise PermissionDenied(_("Only its owner, or a lead, may change this segment."))
    names = ("name", "description", "is_shared", "definition")
    form = SegmentForm(request.POST or None, initial={name: getattr(found, name) for name in names})
    if request.method == "POST":
        saved = submitted(form, save_segment, segment=found, by=request.viewer)
        if saved is not None:
            return done(request, _("Segment saved."), reverse("segment", args=[found.pk]))
    return _form(request, form, found)


def _form(request: StaffRequest, form: SegmentForm, found: Segment | None) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    parts = {"form": form, "segment": found}
    return render(request, "customers/segment_form.html", parts, status=status)


@page("customers.edit")
@require_POST
def segment_preview(request: StaffRequest) -> HttpResponse:
    """Try out what the builder holds: how many customers, and some of them; or which part is wrong."""
    try:
        sent = condition_form.read_json(read_sent(request.POST, "definition", AccountFields()))
        definition = check_definition(sent, request.viewer)
    except ValidationError as error:
        return render(request, "customers/_segment_preview.html", {"errors": error.messages})
    found = preview(definition, request.viewer)
    return render(
        request, "customers/_segment_preview.html", {"preview": found, "words": in_words(definition)}
    )


@page("customers.edit")
@require_POST
def segment_delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Delete a segment."""
    found = find_segment(request, pk)
    try:
        delete_segment(segment=found, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("segment", args=[pk]))
    return done(request, _("Segment deleted."), reverse("segments"))


@page("customers.view")
@require_GET
def segment_options(request: StaffRequest) -> HttpResponse:
    """The first values of a field (``field``) whose name contains ``q``, for the builder."""
    return options_of(AccountFields(), request.GET)


@page("customers.view")
@require_GET
def segment_why(request: StaffRequest, pk: int) -> HttpResponse:
    """Why an account (``account``: its id, or a part of its name) is in the segment or out, part by part, and since when."""
    found = find_segment(request, pk)
    wanted = request.GET.get("account", "").replace("\x00", "").strip()[:100]
    account = _account(request, wanted)
    parts: dict[str, Any] = {"segment": found, "account": account, "wanted": wanted}
    if account is not None:
        history = SegmentMembership.objects.filter(segment=found, account=account)
        parts["reason"] = explain(found.definition, account, owner_id=found.owner_id)
        parts["history"] = history.order_by("-entered_at")[:10]
    template = "customers/_segment_why.html" if is_partial(request) else "customers/segment_why.html"
    return render(request, template, parts)


def _account(request: StaffRequest, wanted: str) -> Account | None:
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 18:
        return find_account(request, int(wanted))
    if not wanted:
        return None
    named = Account.objects.visible_to(request.viewer).filter(name__icontains=wanted)
    return named.order_by("name", "pk").first()
