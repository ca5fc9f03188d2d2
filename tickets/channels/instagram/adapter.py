"""Instagram: direct messages to a profile that belongs to a page (https://developers.facebook.com/docs/messenger-platform/instagram)."""

from datetime import timedelta
from typing import ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from tickets.channel import Capabilities
from tickets.channels.meta.page_messages import PageChannel, PageForm
from tickets.channels.meta.signed_calls import SECRETS


class InstagramForm(PageForm):
    """What an inbox of Instagram needs."""

    account_id = forms.CharField(
        label=gettext_lazy("Instagram account ID"),
        max_length=30,
        help_text=gettext_lazy(
            "The number of the professional account, in the app's dashboard under Instagram."
        ),
    )
    field_order = ["account_id", "page_id", *SECRETS]


class InstagramChannel(PageChannel):
    """Direct messages between people and a professional account."""

    key = "instagram"
    label = gettext_lazy("Instagram")
    icon = "brand-instagram"
    order = 34
    lead = gettext_lazy("Direct messages to your Instagram account.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=1000,
        # Meta fetches files from a public address; files of tickets have none.
        files=False,
        reply_window=timedelta(hours=24),
        states=frozenset({"sent", "read"}),
        threading=gettext_lazy("What one person writes is one ticket, until that is over."),
    )
    settings = InstagramForm
    documented_at = "https://developers.facebook.com/docs/messenger-platform/instagram"
    guide = gettext_lazy(
        "Connect the account with your page, enter the address of this inbox in your app at Meta, then connect the webhook."
    )
    batch = "instagram"
    owner = "account_id"
    fields = "messages"
    name_fields = "name,username"
