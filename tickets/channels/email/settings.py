"""What an e-mail inbox asks for. It parses; the channel and ``save_inbox`` decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.channels.email.mail_providers import PROVIDERS


def _secret(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=1000,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=help_text,
    )


class EmailInboxForm(forms.Form):
    """Address, sender and signature."""

    address = forms.EmailField(
        label=_("Address"), required=False, help_text=_("Answers are sent from this address.")
    )
    from_name = forms.CharField(
        label=_("Sender name"),
        max_length=80,
        required=False,
        help_text=_("What customers see beside the address."),
    )
    authserv_id = forms.CharField(
        label=_("Server that checks senders"),
        max_length=253,
        required=False,
        help_text=_(
            "The name with which your mail server begins its Authentication-Results headers, such as mx.example.com. "
            "Empty: what mails say about SPF, DKIM and DMARC is not believed."
        ),
    )
    sender_rule = forms.ChoiceField(
        label=_("Answers come from"),
        choices=[
            ("brand", _("the sender name: “Halden Support”")),
            ("agent_at_brand", _("the person, at the sender name: “Ida at Halden Support”")),
        ],
        required=False,
    )
    answer_header = forms.CharField(
        label=_("Above every answer"),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 2}),
        help_text=_(
            "Plain text with variables, such as “Hello {{contact.first_name|there}},”. What has no value is left out."
        ),
    )
    answer_footer = forms.CharField(
        label=_("Below every answer"),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("Below the signature: what the law wants to be said, where to find help."),
    )
    provider = forms.ChoiceField(
        label=_("Sent and received by"),
        choices=[
            ("", _("mail servers (SMTP, IMAP, POP3)")),
            *((one.key, one.label) for one in PROVIDERS.values()),
        ],
        required=False,
        help_text=_(
            "A provider that is connected over the web needs a key below; mailboxes can be read all the same."
        ),
    )
    provider_key = _secret(_("Key of the provider"), _("Postmark: the server token."))
    provider_secret = _secret(_("Second key (Mailjet)"), "")
    provider_domain = forms.CharField(label=_("Sending domain (Mailgun)"), max_length=253, required=False)
    provider_region = forms.ChoiceField(
        label=_("Region (Mailgun)"), choices=[("", _("United States")), ("eu", _("Europe"))], required=False
    )
    hook_secret = _secret(
        _("Secret of its webhooks"),
        _(
            "Mailgun: the webhook signing key. Others: user:password, which you put into the address it calls."
        ),
    )
    signature = forms.CharField(
        label=_("Signature"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4})
    )
