"""What an e-mail inbox asks for. It parses; ``save_inbox`` decides."""

from django import forms
from django.utils.translation import gettext_lazy as _


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
    signature = forms.CharField(
        label=_("Signature"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4})
    )
