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
