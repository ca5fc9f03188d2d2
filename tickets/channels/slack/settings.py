"""What an inbox in Slack asks for."""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_CHANNELS = 20
_CHANNEL = re.compile(r"[CG][A-Z0-9]{6,20}", re.ASCII)


class SlackForm(forms.Form):
    """The app in the customer's or our workspace, and its channels."""

    bot_token = forms.CharField(
        label=_("Bot token"),
        max_length=300,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("Begins with xoxb-. Stored encrypted."),
    )
    signing_secret = forms.CharField(
        label=_("Signing secret"),
        max_length=100,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("From the app's “Basic Information”. It proves that a call comes from Slack."),
    )
    channels = forms.CharField(
        label=_("Channels"),
        max_length=400,
        help_text=_(
            "Their IDs, such as C024BE91L, with commas between; Slack shows one at the end of a channel's details."
        ),
    )
    trusts_strangers = forms.BooleanField(
        label=_("Know people of other workspaces by their mail address (Slack Connect)"),
        required=False,
        help_text=_(
            "Their own administrators can give them any address, so that they could appear as another customer."
        ),
    )

    def clean_channels(self) -> str:
        """Take the IDs apart and put them together in one way."""
        found = [one for one in re.split(r"[\s,]+", self.cleaned_data["channels"].upper()) if one]
        if len(found) > MOST_CHANNELS or any(not _CHANNEL.fullmatch(one) for one in found):
            raise ValidationError(_("Enter up to 20 IDs of channels, each beginning with C or G."))
        return ", ".join(dict.fromkeys(found))
