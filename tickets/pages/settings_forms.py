"""Forms of inboxes, mailboxes, mail servers and categories. They parse; the services decide."""

from typing import Any, cast

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.models import Skill, Team
from tickets.category_tree import category_path, read_tree, sorted_by_path
from tickets.models import Category, MailAccount, Mailbox, ProviderApp, Security


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


class MailServerForm(forms.Form):
    """Where a mail server is and who one is to it. The password is never shown again, not even to who has just typed it."""

    account = forms.ModelChoiceField(
        label=_("Sign-in"),
        queryset=MailAccount.objects.select_related("app"),
        required=False,
        empty_label=_("User name and password"),
        help_text=_(
            "Accounts that are signed in under Mail sign-in need neither user name nor password here."
        ),
    )
    host = forms.CharField(label=_("Server"), max_length=253)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535)
    security = forms.ChoiceField(label=_("Encryption"), choices=Security.choices)
    username = forms.CharField(
        label=_("User name"), max_length=254, required=False, widget=forms.TextInput({"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("Stored encrypted. Where the provider has passwords for single apps, use one of those."),
    )


class MailboxForm(MailServerForm):
    """A mailbox."""

    protocol = forms.ChoiceField(label=_("Protocol"), choices=Mailbox.Protocol.choices)
    folder = forms.CharField(label=_("Folder (IMAP)"), max_length=200, required=False)
    delete_after_days = forms.IntegerField(
        label=_("Delete there after (days, POP3)"),
        min_value=1,
        max_value=365,
        required=False,
        help_text=_("Empty: mails stay there for ever. Only what has been taken in safely is deleted."),
    )
    take_existing = forms.BooleanField(
        label=_("Take in the mails that are there already"),
        required=False,
        help_text=_("Else only what comes from now on."),
    )
    field_order = ("protocol", "host", "port", "security", "account", "username", "password", "folder")


class OutgoingForm(MailServerForm):
    """The server by which the answers of an inbox leave."""

    field_order = ("host", "port", "security", "account", "username", "password")


class ProviderAppForm(forms.Form):
    """An application registered with a provider of mail."""

    name = forms.CharField(label=_("Name"), max_length=80)
    provider = forms.ChoiceField(label=_("Provider"), choices=ProviderApp.Provider.choices)
    client_id = forms.CharField(label=_("Client ID"), max_length=255)
    secret = forms.CharField(
        label=_("Client secret"),
        max_length=1000,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("Stored encrypted. Empty for an application that has none."),
    )
    tenant = forms.CharField(
        label=_("Tenant (Microsoft 365)"),
        max_length=100,
        required=False,
        help_text=_("The ID or domain of your organisation; empty for every account."),
    )
    authorise_url = forms.CharField(
        label=_("Address for signing in (another provider)"), max_length=500, required=False
    )
    token_url = forms.CharField(
        label=_("Address for tokens (another provider)"), max_length=500, required=False
    )
    scope = forms.CharField(
        label=_("Scopes (another provider)"),
        max_length=500,
        required=False,
        help_text=_("Separated by spaces; with what the provider wants for a lasting sign-in."),
    )


class SignInForm(forms.Form):
    """Whose mail account is signed in."""

    address = forms.CharField(
        label=_("User name of the account"),
        max_length=254,
        help_text=_("Usually its address. For a shared mailbox, the address of the shared mailbox."),
    )


class CategoryForm(forms.Form):
    """A category; its ``parent`` is chosen from what can be one (``tickets.category_tree``)."""

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
    parent = forms.ModelChoiceField(
        label=_("Kind of"),
        queryset=Category.objects.all(),
        required=False,
        empty_label=_("Nothing: it stands by itself"),
        help_text=_("Routing that is unsure of the kind sends a ticket to the category above."),
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        empty_label=_("That of the category above, else left to routing"),
    )
    required_skills = forms.ModelMultipleChoiceField(
        label=_("Needed skills"),
        queryset=Skill.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("In teams that assign by skills, only people who have them all get these tickets."),
    )
    is_active = forms.BooleanField(label=_("Active: may be chosen"), required=False, initial=True)

    def __init__(self, *args: Any, category: Category | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        possible = read_tree().possible_parents(category.pk if category else None)
        kept = category.parent_id if category else None
        rows = Category.objects.filter(Q(is_active=True) | Q(pk=kept), pk__in=possible)
        field = cast("forms.ModelChoiceField[Category]", self.fields["parent"])
        field.queryset = rows
        named = [(one.pk, category_path(one.pk)) for one in sorted_by_path(list(rows))]
        field.choices = [("", field.empty_label), *named]
