"""What webhooks can be told: every verb with the permission to see it, and the scopes that give such permissions.

A list that is written out, not "whatever is recorded": logins, settings and the product's own events stay inside, and a new event
is told to the outside only when somebody adds it here.
"""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from people.roles import SCOPES

TEST_TYPE = "webhooks.test"
EVERYTHING = "*"

_TICKETS = (
    "created", "message_received", "replied", "note_added", "routed", "routing_corrected", "routing_confirmed", "assigned",
    "unassigned", "status_changed", "priority_changed", "type_changed", "tags_changed", "language_changed", "fields_changed",
    "sentiment_changed", "sla_warned", "first_response_breached", "next_response_breached", "resolution_breached", "escalated",
    "escalation_acknowledged", "de_escalated", "snoozed", "woken", "linked", "unlinked",
    "incident_proposed", "incident_confirmed", "merged", "merge_received", "unmerged",
    "merge_released", "split", "message_moved_away", "message_moved_here", "cc_added", "cc_removed", "answer_sent",
    "answer_failed", "message_delivered", "message_edited", "message_taken_back",
    "message_bounced", "reply_undone", "survey_sent", "rated", "time_logged", "checklist_changed",
    "attachment_blocked", "attachment_released", "chat_ended", "chat_answer_mailed", "answer_delayed",
    # Calls and forms without a ticket are not told: there is nothing by which those of private teams could be kept back.
    "call_linked", "acknowledgement_sent", "signal_seen", "signal_judged", "promise_made", "promise_due", "promise_kept",
    "promise_broken",
)  # fmt: skip
_CUSTOMERS = (
    "account_created", "account_changed", "contact_created", "contact_changed", "identity_added", "contacts_merged",
    "contacts_unmerged", "contact_erased", "consent_recorded", "subscription_saved", "revenue_moved", "touch_logged",
)  # fmt: skip
_HEALTH = ("band_changed", "score_changed")
_SUCCESS = (
    "account_enrolled", "enrolment_ended", "outreach_planned", "outreach_sent", "outreach_withheld", "outreach_failed",
    "cta_opened", "cta_closed",
)  # fmt: skip

PERMISSION_OF: dict[str, str] = {
    **{f"tickets.{name}": "tickets.view" for name in _TICKETS},
    **{f"customers.{name}": "customers.view" for name in _CUSTOMERS},
    **{f"health.{name}": "health.view" for name in _HEALTH},
    **{f"success.{name}": "success.view" for name in _SUCCESS},
}
VERBS: frozenset[str] = frozenset(PERMISSION_OF)

# As the scopes of API keys, so that one list explains both.
WEBHOOK_SCOPES: dict[str, frozenset[str]] = {
    "tickets:read": SCOPES["tickets:read"],
    "accounts:read": SCOPES["accounts:read"],
    "health:read": SCOPES["health:read"],
    "success:read": SCOPES["success:read"],
}
WEBHOOK_SCOPE_LABELS = {
    "tickets:read": _("Tickets"),
    "accounts:read": _("Customers and their health"),
    "health:read": _("Health and churn scores"),
    "success:read": _("Playbooks, outreach and tasks"),
}

# Keys of details that name another ticket, which may be one of a private team.
OTHER_TICKET: dict[str, str] = {
    "tickets.linked": "ticket",
    "tickets.unlinked": "ticket",
    "tickets.merged": "into",
    "tickets.merge_received": "from",
    "tickets.unmerged": "from",
    "tickets.merge_released": "from",
    "tickets.split": "to",
    "tickets.message_moved_away": "ticket",
    "tickets.message_moved_here": "ticket",
}


def permissions_of(scopes: Iterable[str]) -> frozenset[str]:
    """Return what scopes allow; unknown ones allow nothing."""
    return frozenset().union(*(WEBHOOK_SCOPES.get(scope, frozenset()) for scope in scopes))


def verbs_of(pattern: str) -> frozenset[str]:
    """Return the verbs that a pattern names; empty for one that names none."""
    if pattern == EVERYTHING:
        return VERBS
    if pattern.endswith(".*"):
        return frozenset(verb for verb in VERBS if verb.startswith(pattern[:-1]))
    return VERBS & {pattern}


def wanted_verbs(patterns: Iterable[str]) -> frozenset[str]:
    """Return the verbs that any of the patterns names."""
    return frozenset().union(*(verbs_of(pattern) for pattern in patterns))
