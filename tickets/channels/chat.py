"""Conversations on a web page. Answers leave by e-mail."""

from django.utils.translation import gettext_lazy as _

from tickets.channel import Channel


class ChatChannel(Channel):
    """A chat."""

    key = "chat"
    label = _("Chat")
    icon = "message-circle"
    order = 20
