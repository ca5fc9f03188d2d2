"""What people can be told about integrations."""

from django.utils.translation import gettext_lazy as _

from core.notifications import NotificationKind
from integrations.services.switch_webhook import DISABLED_KIND


class WebhookDisabled(NotificationKind):
    """A webhook that the person keeps was switched off."""

    key = DISABLED_KIND
    label = _("A webhook is switched off because its receiver is gone")
    group = _("Everything else")
    order = 310
    mail = True
    permission = "integrations.manage"
