"""Forms of the tickets' settings pages. They parse; the services decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.models import Calendar
from customers.models import Account
from people.models import Team
from tickets.models import SLAPolicy, Ticket

HOUR = 3600


class InboxForm(forms.Form):
    """An inbox."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Also the name of its drop folder."))
    address = forms.EmailField(
        label=_("Address"), required=False, help_text=_("Answers are sent from this address.")
    )
    from_name = forms.CharField(
        label=_("Sender name"),
        max_length=80,
        required=False,
        help_text=_("What customers see beside the address."),
    )
    signature = forms.CharField(
        label=_("Signature"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4})
    )
    default_team = forms.ModelChoiceField(
        label=_("Default team"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        empty_label=_("None: triage"),
        help_text=_("Takes what routing is not sure about."),
    )
    is_active = forms.BooleanField(
        label=_("Active: new messages are taken from it"), required=False, initial=True
    )


class CategoryForm(forms.Form):
    """A category."""

    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(
        label=_("What customers write about"),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 4}),
        help_text=_(
            "In a customer's words, with the terms they use. Routing learns from it before there is history."
        ),
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        empty_label=_("Left to routing"),
    )
    is_active = forms.BooleanField(label=_("Active: may be chosen"), required=False, initial=True)


class SLAPolicyForm(forms.Form):
    """A policy with its targets in hours; both targets of a priority are empty, or none."""

    name = forms.CharField(label=_("Name"), max_length=80)
    position = forms.IntegerField(
        label=_("Order"),
        min_value=0,
        max_value=999,
        initial=10,
        help_text=_("The first active policy, by this number, whose tiers include the customer's holds."),
    )
    tiers = forms.MultipleChoiceField(
        label=_("Customer tiers"),
        choices=Account.Tier.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None means every customer."),
    )
    calendar = forms.ModelChoiceField(
        label=_("Calendar"),
        queryset=Calendar.objects.order_by("name"),
        required=False,
        empty_label=_("Around the clock"),
    )
    is_active = forms.BooleanField(label=_("Active"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for priority, label in reversed(Ticket.Priority.choices):
            for kind, words in (("response", _("%s, first answer")), ("resolution", _("%s, solution"))):
                self.fields[f"{kind}_{priority}"] = forms.DecimalField(
                    label=words % label,
                    required=False,
                    min_value=0,
                    max_value=10_000,
                    max_digits=8,
                    decimal_places=3,
                    widget=forms.NumberInput({"step": "any", "inputmode": "decimal"}),
                )

    @staticmethod
    def target_names() -> list[str]:
        """Return the names of the target fields, most urgent first."""
        return [
            f"{kind}_{priority}"
            for priority in reversed(Ticket.Priority.values)
            for kind in ("response", "resolution")
        ]

    @staticmethod
    def initial_of(policy: SLAPolicy) -> dict[str, Any]:
        """Return what the form shows for a policy."""
        initial: dict[str, Any] = {
            "name": policy.name,
            "position": policy.position,
            "tiers": policy.tiers,
            "calendar": policy.calendar_id,
            "is_active": policy.is_active,
        }
        for target in policy.targets.all():
            initial[f"response_{target.priority}"] = in_hours(target.first_response_seconds)
            initial[f"resolution_{target.priority}"] = in_hours(target.resolution_seconds)
        return initial

    def clean(self) -> dict[str, Any]:
        """Collect the hours into ``targets`` in seconds."""
        cleaned: dict[str, Any] = super().clean() or {}
        targets: dict[str, tuple[int, int]] = {}
        for priority in Ticket.Priority.values:
            response = cleaned.pop(f"response_{priority}", None)
            resolution = cleaned.pop(f"resolution_{priority}", None)
            if response is None and resolution is None:
                continue
            for name, hours in (("response", response), ("resolution", resolution)):
                if hours is None and f"{name}_{priority}" not in self.errors:
                    self.add_error(f"{name}_{priority}", _("Give both hours, or none."))
            if response is not None and resolution is not None:
                targets[priority] = (round(response * HOUR), round(resolution * HOUR))
        cleaned["targets"] = targets
        return cleaned


def in_hours(seconds: int) -> str:
    """Return seconds as hours with as few digits as possible: 5400 is "1.5"."""
    return f"{seconds / HOUR:.3f}".rstrip("0").rstrip(".")
