"""What an inbox of text messages asks for."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.twilio import TwilioAccountForm


class SmsForm(TwilioAccountForm):
    """Account and number."""

    number = forms.CharField(
        label=_("Number"),
        max_length=32,
        required=False,
        help_text=_("The number that customers write to, such as +49 30 901820."),
    )
    messaging_service_sid = forms.CharField(
        label=_("Messaging service SID"),
        max_length=34,
        required=False,
        help_text=_("Instead of a number, when Twilio chooses among several."),
    )
