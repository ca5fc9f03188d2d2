"""Integrations' pages inside the settings."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem
from people.nav import ACCESS


class WebhooksNav(NavItem):
    """Webhooks."""

    key = "settings-webhooks"
    label = _("Webhooks")
    icon = "send"
    url_name = "settings-webhooks"
    place = "settings"
    group = ACCESS
    order = 13
    permission = "integrations.manage"


class CrmNav(NavItem):
    """Connections with CRMs."""

    key = "settings-crms"
    label = _("CRM")
    icon = "arrows-exchange"
    url_name = "settings-crms"
    place = "settings"
    group = ACCESS
    order = 15
    permission = "crm.manage"
