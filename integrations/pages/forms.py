"""Forms of integrations' pages. They parse; the services decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.models import Account
from integrations.catalogue import WEBHOOK_SCOPE_LABELS
from integrations.models import WebhookEndpoint
from people.models import Team


class WebhookForm(forms.Form):
    """An endpoint of webhooks."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("What receives the events, for example “Data warehouse”.")
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.URLInput({"placeholder": "https://", "autocomplete": "off"}),
        help_text=_("Events are posted there. It must be reachable from the internet."),
    )
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    scopes = forms.MultipleChoiceField(
        label=_("What it may be told"),
        choices=list(WEBHOOK_SCOPE_LABELS.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you, or whoever saves it later, may see."),
    )
    includes_private_teams = forms.BooleanField(label=_("Tickets of private teams too"), required=False)
    patterns = forms.CharField(
        label=_("Events"),
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "One a line: a single one such as tickets.created, a group such as tickets.*, or * for all."
        ),
    )
    teams = forms.ModelMultipleChoiceField(
        label=_("Only tickets of these teams"),
        queryset=Team.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    tiers = forms.MultipleChoiceField(
        label=_("Only customers of these tiers"),
        choices=Account.Tier.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    channels = forms.CharField(
        label=_("Only tickets of these channels"),
        required=False,
        max_length=600,
        help_text=_("Their keys with commas between, for example email, chat. Empty: all."),
    )

    def clean_patterns(self) -> list[str]:
        """Return one pattern a line, or with commas between."""
        return [part.strip() for part in self.cleaned_data["patterns"].replace(",", "\n").splitlines()]

    def clean_channels(self) -> list[str]:
        """Return the keys."""
        return [part.strip() for part in self.cleaned_data["channels"].split(",")]

    def clean_teams(self) -> list[Team]:
        """Return the teams as a list."""
        return list(self.cleaned_data["teams"])

    @staticmethod
    def initial_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
        """Return what the form shows for an endpoint."""
        return {
            "name": endpoint.name,
            "url": endpoint.url,
            "description": endpoint.description,
            "scopes": endpoint.scopes,
            "includes_private_teams": endpoint.includes_private_teams,
            "patterns": "\n".join(endpoint.patterns),
            "teams": [team.pk for team in endpoint.teams.all()],
            "tiers": endpoint.tiers,
            "channels": ", ".join(endpoint.channels),
        }


class ReplayForm(forms.Form):
    """Since when what has failed is sent again; without a zone it is the person's own."""

    since = forms.DateTimeField(
        label=_("Since"),
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
