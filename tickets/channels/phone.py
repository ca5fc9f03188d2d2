"""Calls that somebody writes down. Answers leave by e-mail."""

from django.utils.translation import gettext_lazy as _

from tickets.channel import Channel


class PhoneChannel(Channel):
    """A call."""

    key = "phone"
    label = _("Phone")
    icon = "phone"
    order = 60
