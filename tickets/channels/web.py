"""What customers send by a form on a web page. Answers leave by e-mail."""

from django.utils.translation import gettext_lazy as _

from tickets.channel import Channel


class WebChannel(Channel):
    """A form."""

    key = "web"
    label = _("Web form")
    icon = "world"
    order = 30
