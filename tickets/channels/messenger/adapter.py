"""Messenger: people write to a page on Facebook (https://developers.facebook.com/docs/messenger-platform)."""

from datetime import timedelta
from typing import ClassVar

from django.utils.translation import gettext_lazy

from tickets.channel import Capabilities
from tickets.channels.meta.page_messages import LARGEST_FILE, PageChannel, PageForm


class MessengerChannel(PageChannel):
    """Messages between people and a page."""

    key = "messenger"
    label = gettext_lazy("Messenger")
    icon = "brand-messenger"
    order = 32
    lead = gettext_lazy("Messages to your page on Facebook.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=2000,
        largest_file=LARGEST_FILE,
        reply_window=timedelta(hours=24),
        states=frozenset({"sent", "delivered", "read"}),
        threading=gettext_lazy("What one person writes to the page is one ticket, until that is over."),
    )
    settings = PageForm
    documented_at = "https://developers.facebook.com/docs/messenger-platform"
    guide = gettext_lazy("Enter the address of this inbox in your app at Meta, then connect the webhook.")
    batch = "page"
    fields = "messages,message_edits,message_deliveries,message_reads,messaging_postbacks"
