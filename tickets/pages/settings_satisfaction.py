"""Settings: the survey after a solution."""

from datetime import timedelta

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.formatting import percent, plain
from core.pages.forms import FormPage, done, form_page, submitted
from people.requests import StaffRequest, page
from tickets.pages.condition_form import ConditionFormField
from tickets.satisfaction import current_rules
from tickets.selectors_satisfaction import satisfaction_summary
from tickets.services.save_satisfaction_rules import save_satisfaction_rules


class SatisfactionForm(forms.Form):
    """The switch, the question, when and of whom."""

    is_on = forms.BooleanField(
        label=gettext_lazy("Ask customers after a solution"),
        required=False,
        help_text=gettext_lazy(
            "Once per solution, by e-mail, and not when the ticket has come back, was merged or is spam."
        ),
    )
    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("How did we do?")}),
    )
    delay_hours = forms.IntegerField(
        label=gettext_lazy("Hours after the solution"), min_value=0, max_value=336
    )
    pause_days = forms.IntegerField(
        label=gettext_lazy("Days between two questions to a contact"), min_value=0, max_value=365
    )
    condition = ConditionFormField(label=gettext_lazy("Tickets that are asked about"), required=False)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def satisfaction(request: StaffRequest) -> HttpResponse:
    """Show and change the survey, with what it has brought in 30 days."""
    rules = current_rules()
    initial = {
        "is_on": rules.is_on,
        "question": rules.question,
        "delay_hours": rules.delay_hours,
        "pause_days": rules.pause_days,
        "condition": rules.condition,
    }
    form = SatisfactionForm(request.POST or None, initial=initial)
    if request.method == "POST" and submitted(form, save_satisfaction_rules, by=request.viewer) is not None:
        return done(request, _("Survey saved."), reverse("settings-satisfaction"))
    found = satisfaction_summary(request.viewer, since=timezone.now() - timedelta(days=30))
    frame = FormPage(
        heading=_("Satisfaction survey"),
        lead=_("Customers choose one of five faces on a page of their own; opening the link rates nothing."),
        back_url=reverse("settings"),
        fieldsets=[
            ("", ["is_on", "question", "delay_hours", "pause_days"]),
            (_("Which tickets"), ["condition"]),
        ],
        facts=[
            (_("Asked in 30 days"), plain(found.asked)),
            (_("Answered"), f"{plain(found.rated)} · {percent(found.response_rate)}"),
            (_("Good or very good"), percent(found.good_share)),
        ],
    )
    return form_page(request, form, frame)
