"""Private notes: what never leaves."""

from django.utils.translation import gettext_lazy as _

from tickets.channel import Channel


class NoteChannel(Channel):
    """A note among colleagues."""

    key = "note"
    label = _("Private note")
    icon = "lock"
    order = 99
