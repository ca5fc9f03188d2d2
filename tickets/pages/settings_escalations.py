"""Settings: rules that escalate tickets, and what they would do now."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import (
    FormPage,
    ListItem,
    ListPage,
    PostButton,
    add_errors,
    done,
    form_page,
    list_page,
    submitted,
)
from people.models import Team, User
from people.requests import StaffRequest, page
from tickets.conditions import in_words
from tickets.models import Escalation, EscalationRule
from tickets.pages.condition_form import ConditionFormField
from tickets.selectors_escalations import try_rule
from tickets.services.save_escalation_rule import check_rule, delete_escalation_rule, save_escalation_rule


class EscalationRuleForm(forms.Form):
    """A rule."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("Shown as the reason on the ticket."),
    )
    position = forms.IntegerField(
        label=gettext_lazy("Order"),
        min_value=0,
        max_value=999,
        initial=10,
        help_text=gettext_lazy("Of the rules that hold, the highest level wins, then the lowest number."),
    )
    level = forms.TypedChoiceField(
        label=gettext_lazy("Level"), choices=[(1, "1"), (2, "2"), (3, "3")], coerce=int, initial=1
    )
    is_active = forms.BooleanField(label=gettext_lazy("Active"), required=False, initial=True)
    condition = ConditionFormField(label=gettext_lazy("Tickets to escalate"), required=False)
    repeat_count = forms.IntegerField(
        label=gettext_lazy("Contact's tickets, at least"),
        required=False,
        min_value=0,
        max_value=1_000,
        help_text=gettext_lazy(
            "Only when the contact has opened so many, this one included. Empty: does not matter."
        ),
    )
    repeat_days = forms.IntegerField(
        label=gettext_lazy("… within days"), min_value=1, max_value=365, initial=30
    )
    owner_kind = forms.ChoiceField(
        label=gettext_lazy("Owner"), choices=EscalationRule.Owner.choices, initial="lead"
    )
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=User.objects.filter(is_active=True).order_by("name"),
        required=False,
        help_text=gettext_lazy("When the owner is a person."),
    )
    owner_team = forms.ModelChoiceField(
        label=gettext_lazy("Team"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        help_text=gettext_lazy("When the owner is a team."),
    )
    notify = forms.BooleanField(label=gettext_lazy("Tell the owner"), required=False, initial=True)

    @staticmethod
    def initial_of(rule: EscalationRule) -> dict[str, Any]:
        """Return what the form shows for a rule."""
        names = (
            "name", "position", "level", "is_active", "condition", "repeat_count", "repeat_days", "owner_kind", "notify",
        )  # fmt: skip
        return {
            **{name: getattr(rule, name) for name in names},
            "owner": rule.owner_id,
            "owner_team": rule.owner_team_id,
        }


@page("settings.manage")
def escalation_rules(request: StaffRequest) -> HttpResponse:
    """List the rules."""
    items = []
    for rule in EscalationRule.objects.select_related("owner", "owner_team"):
        lasting = Escalation.objects.filter(rule=rule, ended_at=None).count()
        items.append(
            ListItem(
                name=rule.name,
                url=reverse("settings-escalation-rule", args=[rule.pk]),
                sub=in_words(rule.condition) + _repeat_in_words(rule),
                chips=[
                    (_("Level %d") % rule.level, "bad" if rule.level > 1 else "warn"),
                    (_owner_in_words(rule), ""),
                    *([] if rule.is_active else [(_("Inactive"), "")]),
                ],
                right=ngettext("%d ticket now", "%d tickets now", lasting) % lasting,
            )
        )
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Escalation rules"),
            lead=_(
                "Which tickets need more attention than their assignee's, and whose. Rules only raise the level."
            ),
            new_url=reverse("settings-escalation-rule-new"),
            new_label=_("New rule"),
            empty_title=_("Say what must not wait"),
            empty_text=_("An angry customer, a renewal at risk, the third ticket in a month."),
            icon="flag",
        ),
    )


def _repeat_in_words(rule: EscalationRule) -> str:
    if not rule.repeat_count:
        return ""
    return _("; contact's tickets in %(days)d days at least %(count)d") % {
        "days": rule.repeat_days,
        "count": rule.repeat_count,
    }


def _owner_in_words(rule: EscalationRule) -> str:
    named = {EscalationRule.Owner.PERSON: rule.owner, EscalationRule.Owner.TEAM: rule.owner_team}
    chosen = named.get(EscalationRule.Owner(rule.owner_kind))
    return str(chosen) if chosen is not None else str(rule.get_owner_kind_display())


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def escalation_rule_form(request: StaffRequest, rule_id: int | None = None) -> HttpResponse:
    """Create or change a rule."""
    rule = get_object_or_404(EscalationRule, pk=rule_id) if rule_id else None
    form = EscalationRuleForm(
        request.POST or None, initial=EscalationRuleForm.initial_of(rule) if rule else {}
    )
    if (
        request.method == "POST"
        and submitted(form, save_escalation_rule, rule=rule, by=request.viewer) is not None
    ):
        return done(request, _("Escalation rule saved."), "settings-escalation-rules")
    frame = FormPage(
        heading=rule.name if rule else _("New escalation rule"),
        lead=_("A ticket is looked at whenever it changes, and every minute where the rule asks about time."),
        back_url=reverse("settings-escalation-rules"),
        fieldsets=[
            ("", ["name", "position", "level", "is_active"]),
            (_("When"), ["condition", "repeat_count", "repeat_days"]),
            (_("Who looks after it"), ["owner_kind", "owner", "owner_team", "notify"]),
        ],
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-escalation-rule-delete", args=[rule.pk]),
                confirm=_("What it has escalated stays escalated."),
            )
        ]
        if rule
        else [],
    )
    try_url = (
        reverse("settings-escalation-rule-try", args=[rule.pk])
        if rule
        else reverse("settings-escalation-rule-try-new")
    )
    return form_page(request, form, frame, template="tickets/settings/escalation_rule.html", try_url=try_url)


@require_POST
@page("settings.manage")
def escalation_rule_try(request: StaffRequest, rule_id: int | None = None) -> HttpResponse:
    """Say what the form's rule would do with the open tickets now; nothing is saved."""
    rule = get_object_or_404(EscalationRule, pk=rule_id) if rule_id else EscalationRule()
    form = EscalationRuleForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            rule.condition = check_rule(
                wanted["condition"],
                level=wanted["level"],
                repeat_count=wanted["repeat_count"],
                repeat_days=wanted["repeat_days"],
            )
        except ValidationError as error:
            add_errors(form, error)
    if form.errors:
        errors = [text for found in form.errors.values() for text in found]
        return render(request, "tickets/settings/_rule_trial.html", {"errors": errors}, status=422)
    rule.level = wanted["level"]
    rule.repeat_count, rule.repeat_days = wanted["repeat_count"], wanted["repeat_days"]
    return render(request, "tickets/settings/_rule_trial.html", {"trial": try_rule(rule)})


@require_POST
@page("settings.manage")
def escalation_rule_delete(request: StaffRequest, rule_id: int) -> HttpResponse:
    """Delete a rule."""
    delete_escalation_rule(rule=get_object_or_404(EscalationRule, pk=rule_id), by=request.viewer)
    return done(request, _("Escalation rule deleted."), "settings-escalation-rules")
