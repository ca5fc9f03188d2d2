"""Roles, what each may do, and what the scopes of an API key allow. The one table of permissions.

A permission is ``<app>.<verb>``. Services ask ``by.require("tickets.reply")``; which rows a viewer sees is the business of
``visible_to`` on the models.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person does here."""

    ADMIN = "admin", _("Administrator")
    LEAD = "lead", _("Lead")
    AGENT = "agent", _("Agent")
    CSM = "csm", _("Customer success manager")
    ANALYST = "analyst", _("Analyst")
    INTEGRATION = "integration", _("Integration")


_LOOK = {"tickets.view", "customers.view", "health.view", "success.view", "people.view"}
_WORK_TICKETS = {
    "tickets.create",
    "tickets.reply",
    "tickets.note",
    "tickets.edit",
    "tickets.assign",
    "tickets.escalate",
}
_WORK_CUSTOMERS = {"customers.edit", "success.act", "health.override"}
_LEAD = {
    "people.schedule",
    "success.manage",
    "health.manage",
    "health.approve",
    "tickets.share_macros",
    "tickets.share_views",
    "operations.view",
    "operations.retry",
    "ml.view",
    "ml.approve",
    "ml.audit",
    "insights.view",
    "insights.all_teams",
    "tickets.all_teams",
    "customers.close_months",
}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.AGENT: frozenset(_LOOK | _WORK_TICKETS | {"insights.view"}),
    Role.CSM: frozenset(_LOOK | _WORK_CUSTOMERS | {"tickets.note", "tickets.create", "tickets.reply"}),
    Role.LEAD: frozenset(_LOOK | _WORK_TICKETS | _WORK_CUSTOMERS | _LEAD),
    Role.ANALYST: frozenset(_LOOK | {"ml.view", "insights.view", "insights.all_teams", "tickets.all_teams"}),
    Role.ADMIN: frozenset(
        _LOOK
        | _WORK_TICKETS
        | _WORK_CUSTOMERS
        | _LEAD
        | {
            "settings.manage",
            "tickets.configure",
            "ml.manage",
            "operations.manage",
            "customers.erase",
            "integrations.manage",
            "crm.manage",
            "imports.manage",
        }
    ),
    Role.INTEGRATION: frozenset(),
}

ALL_PERMISSIONS: frozenset[str] = frozenset().union(*PERMISSIONS.values(), {"usage.write"})

SCOPES: dict[str, frozenset[str]] = {
    "tickets:read": frozenset({"tickets.view", "tickets.all_teams"}),
    "tickets:write": frozenset(
        _WORK_TICKETS | {"tickets.view", "tickets.all_teams", "tickets.share_views", "tickets.share_macros"}
    ),
    "tickets:configure": frozenset({"tickets.configure"}),
    "accounts:read": frozenset({"customers.view", "health.view"}),
    "accounts:write": frozenset({"customers.view", "customers.edit"}),
    "accounts:erase": frozenset({"customers.view", "customers.erase"}),
    "revenue:close": frozenset({"customers.view", "customers.close_months"}),
    "usage:write": frozenset({"usage.write"}),
    "health:read": frozenset({"customers.view", "health.view"}),
    "health:write": frozenset({"customers.view", "health.view", "health.override", "health.manage"}),
    "success:read": frozenset({"success.view"}),
    "success:write": frozenset({"success.view", "success.act"}),
    "people:read": frozenset({"people.view"}),
    "people:write": frozenset({"people.view", "people.schedule"}),
    "insights:read": frozenset({"insights.view", "insights.all_teams"}),
    "ml:read": frozenset({"ml.view"}),
    "ml:write": frozenset({"ml.view", "ml.audit", "ml.manage"}),
    "webhooks:manage": frozenset({"integrations.manage"}),
    "crm:manage": frozenset({"crm.manage"}),
    "imports:manage": frozenset({"imports.manage"}),
}

SCOPE_LABELS = {
    "tickets:read": _("Read tickets and messages"),
    "tickets:write": _("Create and change tickets and messages"),
    "tickets:configure": _("Set up ticket types, custom fields, statuses and tags"),
    "accounts:read": _("Read customers and their health"),
    "accounts:write": _("Create and change customers"),
    "accounts:erase": _("Export and erase the data of people"),
    "revenue:close": _("Close months of revenue"),
    "usage:write": _("Send product usage"),
    "health:read": _("Read health and churn scores"),
    "health:write": _(
        "Change health cards, override scores and give judgements; only people approve overrides"
    ),
    "success:read": _("Read tasks, playbooks and outreach"),
    "success:write": _("Open and close tasks"),
    "people:read": _("Read colleagues, teams, availability, absences and skills"),
    "people:write": _("Change availability, absences and skills"),
    "insights:read": _(
        "Read figures of all teams; the tickets behind them and names of agents need their own scopes"
    ),
    "webhooks:manage": _("Set up webhooks; what they may tell needs its own scopes"),
    "crm:manage": _(
        "Read how connections with CRMs stand, their gaps and errors; start them and have them tried again"
    ),
    "ml:read": _("Read models, their trainings and their figures"),
    "ml:write": _("Train, promote and roll back models, label for audits; only people approve models"),
    "imports:manage": _("Import customers, people and tickets from other systems, and undo that"),
}

PERMISSION_LABELS = {
    "tickets.view": _("See tickets outside private teams"),
    "tickets.all_teams": _("See the tickets of private teams too"),
    "tickets.create": _("Create tickets"),
    "tickets.reply": _("Answer customers"),
    "tickets.note": _("Write private notes"),
    "tickets.edit": _("Change status, priority, category and tags; merge, split and link"),
    "tickets.assign": _("Assign tickets"),
    "tickets.escalate": _("Escalate tickets and take that back"),
    "tickets.configure": _("Set up ticket types, custom fields, statuses and tags"),
    "tickets.share_macros": _("Keep macros for teams and everyone"),
    "tickets.share_views": _("Keep views for everyone"),
    "customers.view": _("See customers and contacts"),
    "customers.edit": _("Change customers and contacts"),
    "customers.close_months": _("Close months of revenue"),
    "customers.erase": _("Export and erase everything about a person"),
    "health.view": _("See health and churn scores"),
    "health.override": _("Override health scores and give judgements of customers"),
    "health.manage": _("Change and publish health cards"),
    "health.approve": _("Decide about overrides that somebody else proposes"),
    "success.view": _("See tasks, playbooks and outreach"),
    "success.act": _("Work on tasks and outreach"),
    "success.manage": _("Write and start playbooks"),
    "people.view": _("See colleagues"),
    "people.schedule": _("Plan absences, availability and skills of colleagues"),
    "insights.view": _("See the figures of oneself and one's teams, and the tickets behind them"),
    "insights.all_teams": _("See the figures of all teams"),
    "ml.view": _("See models and their quality"),
    "ml.manage": _("Train, propose, promote and roll back models"),
    "ml.approve": _("Decide about models that somebody else proposes"),
    "ml.audit": _("Label tickets for the audit of models, confirm labels and keep golden cases"),
    "operations.view": _("See jobs, outbox, mail ledger and event log"),
    "operations.retry": _("Retry what failed"),
    "operations.manage": _("Give up failed work"),
    "integrations.manage": _("Set up webhooks"),
    "crm.manage": _("Connect CRMs, choose whose fields hold, and mend gaps"),
    "imports.manage": _("Import from other systems, and undo that"),
    "settings.manage": _("Change settings, people and API keys"),
}
