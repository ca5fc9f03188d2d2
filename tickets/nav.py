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


class CallsNav(NavItem):
    """The call log."""

    key = "calls"
    label = _("Calls")
    icon = "phone"
    url_name = "calls"
    order = 15
    permission = "tickets.view"


class IncidentsNav(NavItem):
    """Tickets of several customers that say the same."""

    key = "incidents"
    label = _("Incidents")
    icon = "affiliate"
    url_name = "incidents"
    order = 16
    permission = "tickets.view"


class LogCallNav(NavItem):
    """A call that somebody writes down."""

    key = "call-new"
    label = _("Call")
    icon = "phone"
    url_name = "call-new"
    place = "create"
    order = 12
    permission = "tickets.note"


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


class MailSignInNav(InboxesNav):
    """Providers of mail and the accounts that are signed in."""

    key = "settings-mail-sign-in"
    label = _("Mail sign-in")
    icon = "key"
    url_name = "settings-mail-providers"
    order = 40


class CategoriesNav(InboxesNav):
    """Categories."""

    key = "settings-categories"
    label = _("Categories")
    icon = "tag"
    url_name = "settings-categories"
    order = 41


class StatusesNav(InboxesNav):
    """Statuses."""

    key = "settings-statuses"
    label = _("Statuses")
    icon = "circle-dashed"
    url_name = "settings-statuses"
    order = 43
    permission = "tickets.configure"


class GraceNav(InboxesNav):
    """The days of grace."""

    key = "settings-grace"
    label = _("Closing")
    icon = "circle-check"
    url_name = "settings-grace"
    order = 44


class TypesNav(InboxesNav):
    """Ticket types."""

    key = "settings-types"
    label = _("Ticket types")
    icon = "checkup-list"
    url_name = "settings-types"
    order = 45
    permission = "tickets.configure"


class FieldsNav(InboxesNav):
    """Custom fields."""

    key = "settings-fields"
    label = _("Custom fields")
    icon = "forms"
    url_name = "settings-fields"
    order = 46
    permission = "tickets.configure"


class TagsNav(InboxesNav):
    """Tags."""

    key = "settings-tags"
    label = _("Tags")
    icon = "tag"
    url_name = "settings-tags"
    order = 47
    permission = "tickets.configure"


class SLAPoliciesNav(InboxesNav):
    """SLA policies."""

    key = "settings-sla"
    label = _("SLA policies")
    icon = "alarm"
    url_name = "settings-sla-policies"
    order = 42


class SLATargetNav(InboxesNav):
    """The share of promises that is meant to be kept."""

    key = "settings-sla-target"
    label = _("SLA target")
    icon = "target"
    url_name = "settings-sla-target"
    order = 42


class CostsNav(InboxesNav):
    """What work costs."""

    key = "settings-costs"
    label = _("Costs")
    icon = "chart-bar"
    url_name = "settings-costs"
    order = 48


class SimilarNav(InboxesNav):
    """The search for similar tickets."""

    key = "settings-similar"
    label = _("Similar tickets")
    icon = "affiliate"
    url_name = "settings-similar"
    order = 47


class SatisfactionNav(InboxesNav):
    """The survey after a solution."""

    key = "settings-satisfaction"
    label = _("Satisfaction survey")
    icon = "mood-smile"
    url_name = "settings-satisfaction"
    order = 48


class EscalationRulesNav(InboxesNav):
    """Escalation rules."""

    key = "settings-escalations"
    label = _("Escalation rules")
    icon = "flag"
    url_name = "settings-escalation-rules"
    order = 43


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


class FileScansNav(MailLedgerNav):
    """The malware scanner and what it said."""

    key = "operations-files"
    label = _("File scanner")
    icon = "shield-lock"
    url_name = "file-scans"
    order = 83


class MacrosNav(NavItem):
    """Canned replies and macros, in the settings."""

    key = "settings-macros"
    label = _("Macros")
    icon = "bolt"
    url_name = "settings-macros"
    place = "settings"
    group = SUPPORT
    order = 48
    permission = "tickets.note"


class OwnMacrosNav(NavItem):
    """The same, for people who have no settings."""

    key = "own-macros"
    label = _("Macros and canned replies")
    icon = "bolt"
    url_name = "settings-macros"
    place = "user"
    order = 20
    permission = "tickets.note"


class AttachmentsNav(InboxesNav):
    """The rules for files."""

    key = "settings-attachments"
    label = _("Attachments")
    icon = "paperclip"
    url_name = "settings-attachments"
    order = 49


class ScheduledAnswersNav(NavItem):
    """Answers that wait for their time."""

    key = "scheduled-answers"
    label = _("Scheduled answers")
    icon = "clock"
    url_name = "inbox-scheduled"
    place = "user"
    order = 21
    permission = "tickets.reply"
