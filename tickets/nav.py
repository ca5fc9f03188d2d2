"""Where tickets appear in the navigation."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem

SUPPORT = _("Support")


class InboxesNav(NavItem):
    """Inboxes."""

    key = "settings-inboxes"
    label = _("Inboxes")
    icon = "mail"
    url_name = "settings-inboxes"
    place = "settings"
    group = SUPPORT
    order = 40
    permission = "settings.manage"


class CategoriesNav(InboxesNav):
    """Categories."""

    key = "settings-categories"
    label = _("Categories")
    icon = "tag"
    url_name = "settings-categories"
    order = 41


class SLAPoliciesNav(InboxesNav):
    """SLA policies."""

    key = "settings-sla"
    label = _("SLA policies")
    icon = "alarm"
    url_name = "settings-sla-policies"
    order = 42


class MailLedgerNav(NavItem):
    """The mail ledger."""

    key = "operations-mail"
    label = _("Mail ledger")
    icon = "mail"
    url_name = "mail-ledger"
    place = "settings"
    group = _("Operations")
    order = 82
    permission = "operations.view"
