"""Switch endpoints on and off: by a person, or because nobody answers there any more."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import SYSTEM
from core.services.notify_user import Notice, notify_people
from integrations.events import WEBHOOK_DISABLED, WEBHOOK_SWITCHED
from integrations.models import WebhookEndpoint
from integrations.services.save_webhook import require_rights
from people.models import User
from people.roles import PERMISSIONS
from people.viewer import Viewer

DISABLED_KIND = "integrations.webhook_disabled"


@transaction.atomic
def switch_webhook(*, endpoint: WebhookEndpoint, is_active: bool, by: Viewer) -> bool:
    """Switch an endpoint on or off; returns whether that changed anything.

    Off, what waits is not sent. On, it is told of what happens from now, and who switches it on keeps it. Raises ValidationError
    when it may be told more than ``by`` may see.
    """
    by.require("integrations.manage")
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if row.is_active == is_active:
        return False
    row.is_active = is_active
    row.disabled_reason = ""
    if is_active:
        require_rights(row.scopes, row.includes_private_teams, by)
        row.active_since = timezone.now()
        row.failing_since = row.paused_until = None
        row.consecutive_failures = 0
        row.kept_by_id, row.kept_by_key_id = by.user_id, by.api_key_id
    row.save()
    WEBHOOK_SWITCHED.record(by=by, subject_id=row.pk, detail={"name": row.name, "is_active": is_active})
    return True


@transaction.atomic
def disable_webhook(*, endpoint: WebhookEndpoint, reason: str) -> bool:
    """Give an endpoint up and tell who keeps it (else everybody who may set webhooks up); returns whether it was active."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if not row.is_active:
        return False
    row.is_active = False
    row.disabled_reason = reason[:200]
    row.save(update_fields=["is_active", "disabled_reason", "updated_at"])
    event = WEBHOOK_DISABLED.record(
        by=SYSTEM, subject_id=row.pk, detail={"name": row.name, "host": row.host, "reason": reason}
    )
    text = _("The webhook “%(name)s” was switched off. %(reason)s") % {"name": row.name, "reason": reason}
    notify_people(
        notices=[
            Notice(
                user_id=user_id,
                text=text,
                verb=event.verb,
                url=f"/settings/webhooks/{row.pk}/",
                cause=event,
                group=f"webhook:{row.pk}",
                kind=DISABLED_KIND,
            )
            for user_id in _keepers(row)
        ],
        by=SYSTEM,
    )
    return True


def _keepers(endpoint: WebhookEndpoint) -> list[int]:
    roles = [role for role, permissions in PERMISSIONS.items() if "integrations.manage" in permissions]
    able = User.objects.filter(is_active=True, role__in=roles)
    if endpoint.kept_by_id is not None and able.filter(pk=endpoint.kept_by_id).exists():
        return [endpoint.kept_by_id]
    return list(able.order_by("pk").values_list("pk", flat=True))
