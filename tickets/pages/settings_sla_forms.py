"""Forms of an SLA policy: the policy with its targets in hours, and its steps. They parse; the services decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.models import Calendar
from people.models import User
from tickets.models import SLAPolicy, SLAStep, Ticket
from tickets.pages.condition_form import ConditionFormField
from tickets.services.save_sla_policy import MOST_STEPS, StepSpec, TargetSpec

HOUR = 3600
PROMISE_FIELDS = (
    ("response", "first_response", _("First answer")),
    ("next", "next_response", _("Next answers")),
    ("resolution", "resolution", _("Solution")),
)
PROMISE_CHOICES = [
    ("", _("each promise")),
    ("first_response", _("the first answer")),
    ("next_response", _("a next answer")),
    ("resolution", _("the solution")),
]
# Shorter than on the model: five controls share a line.
TIMING_CHOICES = [("share", _("% used")), ("before", _("min. before")), ("after", _("min. after"))]
RECIPIENT_CHOICES = [
    ("owner", _("assignee or team")),
    ("team", _("the team")),
    ("lead", _("the leads")),
    ("person", _("a person")),
]
SPARE_STEPS = 2


class SLAPolicyForm(forms.Form):
    """A policy with its targets in hours; an empty target is not promised."""

    name = forms.CharField(label=_("Name"), max_length=80)
    position = forms.IntegerField(
        label=_("Order"),
        min_value=0,
        max_value=999,
        initial=10,
        help_text=_(
            "The first active policy, by this number, whose condition holds for a ticket is its promise."
        ),
    )
    calendar = forms.ModelChoiceField(
        label=_("Calendar"),
        queryset=Calendar.objects.order_by("name"),
        required=False,
        empty_label=_("Around the clock"),
    )
    is_active = forms.BooleanField(label=_("Active"), required=False, initial=True)
    condition = ConditionFormField(label=_("Tickets it is for"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for priority, label in reversed(Ticket.Priority.choices):
            for short, _name, words in PROMISE_FIELDS:
                self.fields[f"{short}_{priority}"] = forms.DecimalField(
                    label=f"{label}: {words}",
                    required=False,
                    min_value=0,
                    max_value=10_000,
                    max_digits=8,
                    decimal_places=3,
                    widget=forms.NumberInput({"step": "any", "inputmode": "decimal"}),
                )

    def target_rows(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """Return (priority, its name, the three fields), most urgent first."""
        return [
            (value, str(label), [self[f"{short}_{value}"] for short, _name, _words in PROMISE_FIELDS])
            for value, label in reversed(Ticket.Priority.choices)
        ]

    @staticmethod
    def initial_of(policy: SLAPolicy) -> dict[str, Any]:
        """Return what the form shows for a policy."""
        initial: dict[str, Any] = {
            "name": policy.name,
            "position": policy.position,
            "condition": policy.condition,
            "calendar": policy.calendar_id,
            "is_active": policy.is_active,
        }
        for target in policy.targets.all():
            for short, name, _words in PROMISE_FIELDS:
                initial[f"{short}_{target.priority}"] = in_hours(getattr(target, f"{name}_seconds"))
        return initial

    def clean(self) -> dict[str, Any]:
        """Collect the hours into ``targets`` in seconds."""
        cleaned: dict[str, Any] = super().clean() or {}
        targets: dict[str, TargetSpec] = {}
        for priority in Ticket.Priority.values:
            hours = {name: cleaned.pop(f"{short}_{priority}", None) for short, name, _words in PROMISE_FIELDS}
            if any(value is not None for value in hours.values()):
                targets[priority] = TargetSpec(
                    **{name: None if value is None else round(value * HOUR) for name, value in hours.items()}
                )
        cleaned["targets"] = targets
        return cleaned


class SLATargetForm(forms.Form):
    """The share of promises that is meant to be kept."""

    percent = forms.DecimalField(
        label=_("Promises to keep, %"),
        min_value=50,
        max_value=100,
        max_digits=4,
        decimal_places=1,
        help_text=_(
            "Insights draws this line and marks every team, person or channel below it, in past figures, too."
        ),
    )


class StepForm(forms.Form):
    """One step: when, about which promise, what. A row without an action is no step."""

    amount = forms.IntegerField(label=_("How much"), required=False, min_value=0, max_value=86_400)
    timing = forms.ChoiceField(label=_("When"), choices=TIMING_CHOICES, required=False)
    promise = forms.ChoiceField(label=_("Promise"), choices=PROMISE_CHOICES, required=False)
    action = forms.ChoiceField(
        label=_("Action"), choices=[("", _("– no step –")), *SLAStep.Action.choices], required=False
    )
    recipient = forms.ChoiceField(label=_("Whom"), choices=RECIPIENT_CHOICES, required=False)
    person = forms.ModelChoiceField(
        label=_("Person"),
        queryset=User.objects.filter(is_active=True).order_by("name"),
        required=False,
        empty_label=_("choose a person"),
    )
    url = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=500,
        widget=forms.URLInput({"placeholder": "https://"}),
    )
    signing_token = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)

    def spec(self) -> StepSpec | None:
        """Return the step, None for a row without an action."""
        values = self.cleaned_data
        if not values.get("action"):
            return None
        return StepSpec(
            timing=values["timing"] or SLAStep.Timing.SHARE,
            amount=values["amount"] or 0,
            action=values["action"],
            promise=values["promise"],
            recipient=values["recipient"] or SLAStep.Recipient.OWNER,
            person=values["person"],
            url=values["url"].strip(),
            signing_token=values["signing_token"],
        )

    @staticmethod
    def initial_of(step: SLAStep) -> dict[str, Any]:
        """Return what the row shows for a step."""
        return {
            "amount": step.amount,
            "timing": step.timing,
            "promise": step.promise,
            "action": step.action,
            "recipient": step.recipient,
            "person": step.person_id,
            "url": step.url,
            "signing_token": step.signing_token,
        }


StepFormSet = forms.formset_factory(StepForm, extra=SPARE_STEPS, max_num=MOST_STEPS, absolute_max=60)

NEW_POLICY_STEPS: list[dict[str, Any]] = [
    {"amount": 75, "timing": "share", "promise": "", "action": "warn", "recipient": "owner"}
]


def in_hours(seconds: int | None) -> str:
    """Return seconds as hours with as few digits as possible: 5400 is "1.5", nothing is ""."""
    return "" if seconds is None else f"{seconds / HOUR:.3f}".rstrip("0").rstrip(".")
