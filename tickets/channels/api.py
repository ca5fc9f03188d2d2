"""Messages that a program hands over by REST. Answers leave by e-mail."""

from django.utils.translation import gettext_lazy as _

from tickets.channel import Channel


class ApiChannel(Channel):
    """What comes from the product's own back end."""

    key = "api"
    label = _("API")
    icon = "bolt"
    order = 90
