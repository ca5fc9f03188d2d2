"""Events of integrations. None of them is told to webhooks, so that no webhook causes another."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

WEBHOOK_SAVED = EventType("integrations.webhook_saved", subject="webhook", sentence=_("saved a webhook"))
WEBHOOK_DELETED = EventType(
    "integrations.webhook_deleted", subject="webhook", sentence=_("deleted a webhook")
)
WEBHOOK_SWITCHED = EventType(
    "integrations.webhook_switched", subject="webhook", sentence=_("switched a webhook on or off")
)
WEBHOOK_DISABLED = EventType(
    "integrations.webhook_disabled", subject="webhook", sentence=_("gave a webhook up")
)
WEBHOOK_SECRET_ROTATED = EventType(
    "integrations.webhook_secret_rotated", subject="webhook", sentence=_("replaced the secret of a webhook")
)
WEBHOOK_TESTED = EventType(
    "integrations.webhook_tested", subject="webhook", sentence=_("sent a test event"), feed=False
)
WEBHOOK_REPLAYED = EventType(
    "integrations.webhook_replayed", subject="webhook", sentence=_("sent events again"), feed=False
)
CRM_SAVED = EventType("integrations.crm_saved", subject="crm", sentence=_("saved a connection with a CRM"))
CRM_SWITCHED = EventType(
    "integrations.crm_switched", subject="crm", sentence=_("switched a connection with a CRM on or off")
)
CRM_DELETED = EventType("integrations.crm_deleted", subject="crm", sentence=_("disconnected a CRM"))
CRM_TESTED = EventType(
    "integrations.crm_tested", subject="crm", sentence=_("tested a connection with a CRM"), feed=False
)
CRM_FIELDS_SAVED = EventType(
    "integrations.crm_fields_saved",
    subject="crm",
    sentence=_("changed which fields a CRM is kept in step on"),
)
CRM_RETRIED = EventType(
    "integrations.crm_retried", subject="crm", sentence=_("had records of a CRM tried again"), feed=False
)
CRM_GAPS_ACCEPTED = EventType(
    "integrations.crm_gaps_accepted", subject="crm", sentence=_("accepted gaps between here and a CRM")
)
# One per reconciliation, not one per record: the detail has the counts.
CRM_CHECKED = EventType(
    "integrations.crm_checked", subject="crm", sentence=_("compared both sides of a connection with a CRM")
)
