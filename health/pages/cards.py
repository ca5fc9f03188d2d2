"""Settings of health cards: the list, a card with its versions and editor, the time machine, and the data debt."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, refused, submitted
from customers.models import Account
from health.card_checks import clean_content, group_shares, warnings_of
from health.card_conditions import in_words
from health.cards import Lens, default_version
from health.data_debt import data_debt
from health.models import CardReplay, HealthCard, HealthCardVersion
from health.pages.card_form import (
    content_from,
    knock_out_rows,
    missing_choices,
    rows_of,
    words_of_errors,
)
from health.services.publish_card import publish_card, retire_card, roll_back_card
from health.services.replay_card import start_replay
from health.services.save_card import draft_of, save_card, save_draft
from people.requests import StaffRequest, page


class CardForm(forms.Form):
    """Name, lens, priority and the accounts a card applies to."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    lens = forms.ChoiceField(label=gettext_lazy("Looks at"), choices=Lens.choices)
    is_primary = forms.BooleanField(
        label=gettext_lazy("Fills the health score"),
        required=False,
        help_text=gettext_lazy("Otherwise it is a further score beside it."),
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        min_value=1,
        max_value=999,
        initial=100,
        help_text=gettext_lazy("Of the cards that apply to a customer the lowest number counts."),
    )
    tiers = forms.MultipleChoiceField(
        label=gettext_lazy("Only these tiers"),
        choices=Account.Tier.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    lifecycles = forms.MultipleChoiceField(
        label=gettext_lazy("Only these stages"),
        choices=Account.Lifecycle.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    tenure_at_least = forms.IntegerField(
        label=gettext_lazy("Customers for at least, days"), required=False, min_value=0
    )
    tenure_at_most = forms.IntegerField(
        label=gettext_lazy("Customers for at most, days"), required=False, min_value=0
    )

    def values(self, former: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the values of the card, the choice of accounts as a condition.

        What the form does not draw of the condition ``former`` stays: clauses of other fields and groups in it, all of which must
        hold besides.
        """
        given = self.cleaned_data
        clauses: list[dict[str, Any]] = [dict(part) for part in _parts(former or {}) if not _is_drawn(part)]
        for name, field in (("tiers", "tier"), ("lifecycles", "lifecycle")):
            if given[name]:
                clauses.append({"field": field, "is": "in", "value": given[name]})
        for name, operator in (("tenure_at_least", "at_least"), ("tenure_at_most", "at_most")):
            if given[name] is not None:
                clauses.append({"field": "tenure_days", "is": operator, "value": given[name]})
        condition = {"match": "all", "of": clauses} if clauses else {}
        return {name: given[name] for name in ("name", "lens", "is_primary", "priority")} | {
            "applies_to": condition
        }


def initial_of(card: HealthCard) -> dict[str, Any]:
    """Return what the form shows of a card; what it has no place for is kept when it is saved."""
    found: dict[str, Any] = {
        "name": card.name, "lens": card.lens, "is_primary": card.is_primary, "priority": card.priority,
    }  # fmt: skip
    names = {"tier": "tiers", "lifecycle": "lifecycles"}
    for clause in filter(_is_drawn, _parts(card.applies_to)):
        if clause["field"] in names:
            found[names[clause["field"]]] = clause["value"]
        else:
            found[f"tenure_{clause['is']}"] = clause["value"]
    return found


def _parts(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The conditions that must all hold."""
    if not condition:
        return []
    return list(condition["of"]) if condition.get("match") == "all" else [condition]


def _is_drawn(part: Mapping[str, Any]) -> bool:
    """Whether the form has a place for it."""
    if part.get("field") in ("tier", "lifecycle"):
        return bool(part["is"] == "in")
    return part.get("field") == "tenure_days"


@page("health.manage")
@require_GET
def card_list(request: StaffRequest) -> HttpResponse:
    """List the cards in the order in which they are tried; the built-in one last."""
    items = []
    for card in HealthCard.objects.visible_to(request.viewer).select_related("live"):
        chips = [(str(card.get_lens_display()), "")]
        chips.append(
            (_("Live, version %d") % (card.live.number or 0), "good") if card.live else (_("Draft"), "warn")
        )
        items.append(
            ListItem(
                name=card.name,
                url=reverse("settings-health-card", args=[card.pk]),
                sub=in_words(card.applies_to),
                chips=chips,
                right=_("Priority %d") % card.priority,
            )
        )
    items.append(
        ListItem(
            name=_("Built-in card"),
            sub=_("Everybody else: every signal with its own weight (%s)") % default_version(),
            chips=[(_("Always on"), "good")],
        )
    )
    frame = ListPage(
        heading=_("Health cards"),
        lead=_(
            "Which signals make a score, with which weight, and for which customers. The lowest priority counts."
        ),
        new_url=reverse("settings-health-card-new"),
        new_label=_("New card"),
        icon="heartbeat",
    )
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("health.manage")
def card_form(request: StaffRequest, pk: int | None = None) -> HttpResponse:
    """Make a card, or change its name, lens, priority and accounts."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer), pk=pk) if pk else None
    form = CardForm(request.POST or None, initial=initial_of(card) if card else {"is_primary": True})
    if request.method == "POST" and form.is_valid():
        form.cleaned_data = {"values": form.values(card.applies_to if card else None)}
        saved = submitted(form, save_card, card=card, by=request.viewer)
        if saved is not None:
            messages.success(request, _("Card saved."))
            return redirect("settings-health-card", pk=saved.pk)
    back = reverse("settings-health-card", args=[card.pk]) if card else reverse("settings-health-cards")
    kept = [in_words(part) for part in _parts(card.applies_to) if not _is_drawn(part)] if card else []
    lead = _("Besides only where: %s.") % _(" and ").join(kept) if kept else ""
    frame = FormPage(heading=card.name if card else _("New health card"), back_url=back, lead=lead)
    return form_page(request, form, frame)


@require_http_methods(["GET", "POST"])
@page("health.manage")
def card_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the editor of the draft, the versions and the time machine; store the draft."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer).select_related("live"), pk=pk)
    draft = draft_of(card)
    content, errors = draft.content, {}
    if request.method == "POST":
        content = content_from(request.POST, draft.content)
        try:
            save_draft(card=card, content=content, by=request.viewer)
        except ValidationError as error:
            errors = error.message_dict
        else:
            messages.success(request, _("Draft saved. It counts when it is published."))
            return redirect("settings-health-card", pk=pk)
    replay = CardReplay.objects.filter(card=card).select_related("job").first()
    context = {
        **editor_context(content, errors),
        "card": card,
        "draft": draft,
        "differs": card.live is None or card.live.checksum != draft.checksum,
        "applies": in_words(card.applies_to),
        "versions": card.versions.exclude(number=None).select_related("published_by")[:20],
        **replay_context(replay),
    }
    return render(request, "health/card.html", context, status=422 if errors else 200)


@page("health.manage")
@require_POST
def card_preview(request: StaffRequest, pk: int) -> HttpResponse:
    """Answer an edit with sums, shares, warnings and curves; nothing is stored."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer).select_related("live"), pk=pk)
    content, errors = content_from(request.POST, draft_of(card).content), {}
    try:
        content = clean_content(content)
    except ValidationError as error:
        errors = error.message_dict
    return render(request, "health/_card_check.html", editor_context(content, errors))


@page("health.manage")
@require_POST
def card_publish(request: StaffRequest, pk: int) -> HttpResponse:
    """Put the draft into force."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer), pk=pk)
    url = reverse("settings-health-card", args=[pk])
    try:
        version = publish_card(card=card, by=request.viewer, note=request.POST.get("note", ""))
    except ValidationError as error:
        return refused(request, error, url)
    return done(
        request, _("Version %d is live; every customer is scored again.") % (version.number or 0), url
    )


@page("health.manage")
@require_POST
def card_roll_back(request: StaffRequest, pk: int, version_id: int) -> HttpResponse:
    """Make a former version live again."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer), pk=pk)
    version = get_object_or_404(HealthCardVersion, pk=version_id, card=card)
    url = reverse("settings-health-card", args=[pk])
    try:
        roll_back_card(card=card, version=version, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, url)
    return done(request, _("Version %d is live again.") % (version.number or 0), url)


@page("health.manage")
@require_POST
def card_retire(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a card out of use."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer), pk=pk)
    retire_card(card=card, by=request.viewer)
    return done(request, _("The card measures nobody now."), reverse("settings-health-card", args=[pk]))


@page("health.manage")
@require_http_methods(["GET", "POST"])
def card_replay(request: StaffRequest, pk: int) -> HttpResponse:
    """Start the time machine (POST), or show how far it is."""
    card = get_object_or_404(HealthCard.objects.visible_to(request.viewer).select_related("live"), pk=pk)
    if request.method == "POST":
        start_replay(card=card, by=request.viewer)
        return redirect(reverse("settings-health-card", args=[pk]) + "#replay")
    replay = CardReplay.objects.filter(card=card).select_related("job").first()
    return render(request, "health/_card_replay.html", {"card": card, **replay_context(replay)})


@page("health.view")
@require_GET
def debt_page(request: StaffRequest) -> HttpResponse:
    """Show which missing sources keep customers Unknown, by the ARR they would free."""
    return render(request, "health/data_debt.html", {"report": data_debt(request.viewer)})


def editor_context(content: dict[str, Any], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Return the rows of the editor with sums, shares and warnings; those only for content that is sound."""
    rows = rows_of(content, errors)
    sound = not errors and content["measures"]
    return {
        "rows": rows,
        "knock_outs": knock_out_rows(content, errors),
        "missing_choices": missing_choices(),
        "groups": group_shares(content) if sound else [],
        "warnings": warnings_of(content) if sound else [],
        "total": sum(measure["weight"] for measure in content["measures"]) if sound else None,
        "error_rows": [row for row in rows if row.errors],
        "error_words": words_of_errors(errors),
    }


FIGURES = (
    ("auc", gettext_lazy("Ranks leavers below the others (AUC)"), "share"),
    ("lift", gettext_lazy("Leavers in the worst tenth, times the average"), "number"),
    ("surprised", gettext_lazy("Left although Healthy or Steady 60 days before"), "count"),
    ("coverage", gettext_lazy("Mean coverage"), "percent"),
    ("unknown", gettext_lazy("Scores that are Unknown"), "percent"),
    ("jump", gettext_lazy("Mean change in four weeks, points"), "number"),
    ("flips", gettext_lazy("Changes of band in four weeks"), "percent"),
)


def replay_context(replay: CardReplay | None) -> dict[str, Any]:
    """Return the figures of the newest run side by side, and how far one under way is."""
    if replay is None:
        return {"replay": None}
    summary = replay.summary
    return {
        "replay": replay,
        "running": replay.finished_at is None,
        "done": len(replay.rows),
        "total_accounts": len(replay.account_ids),
        "figures": [
            (label, kind, summary["live"][key], summary["draft"][key]) for key, label, kind in FIGURES
        ]
        if summary
        else [],
        "moves": sorted(
            (
                (*key.split(">"), number)
                for key, number in summary["moves"].items()
                if len(set(key.split(">"))) == 2
            ),
            key=lambda move: -move[2],
        )
        if summary
        else [],
    }
