"""Where tickets appear in the navigation."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem
from tickets.selectors import count_of_view

SUPPORT = _("Support")


class InboxNav(NavItem):
    """The inbox; its badge counts the open tickets of the person."""

    key = "inbox"
    label = _("Inbox")
    icon = "inbox"
    url_name = "inbox"
    order = 10
    goto = "i"
    on_phone = True
    permission = "tickets.view"

    def badge(self, viewer: Any) -> int:
        """Return the number of own open tickets."""
        return count_of_view(viewer, "mine") if viewer.can("tickets.reply") else 0


class NewTicketNav(NavItem):
    """A ticket on behalf of a customer."""

    key = "new-ticket"
    label = _("Ticket")
    icon = "inbox"
    url_name = "ticket-new"
    place = "create"
    order = 10
    permission = "tickets.create"


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
