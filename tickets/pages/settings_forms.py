"""Forms of inboxes, mailboxes and categories. They parse; the services decide."""

from django import forms
from django.utils.translation import gettext_lazy as _

from people.models import Skill, Team
from tickets.models import Mailbox


class InboxForm(forms.Form):
    """What every inbox has; the channel's own form adds its settings."""

    name = forms.CharField(label=_("Name"), max_length=80)
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


class MailboxForm(forms.Form):
    """A mailbox. The password is never shown again, not even to who has just typed it."""

    host = forms.CharField(label=_("Server"), max_length=253, help_text=_("Such as imap.example.com"))
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535)
    security = forms.ChoiceField(label=_("Encryption"), choices=Mailbox.Security.choices)
    username = forms.CharField(
        label=_("User name"), max_length=254, widget=forms.TextInput({"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("Stored encrypted. Where the provider has passwords for single apps, use one of those."),
    )
    folder = forms.CharField(label=_("Folder"), max_length=200)
    take_existing = forms.BooleanField(
        label=_("Take in the mails that are there already"),
        required=False,
        help_text=_("Else only what comes from now on."),
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
    required_skills = forms.ModelMultipleChoiceField(
        label=_("Needed skills"),
        queryset=Skill.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("In teams that assign by skills, only people who have them all get these tickets."),
    )
    is_active = forms.BooleanField(label=_("Active: may be chosen"), required=False, initial=True)
