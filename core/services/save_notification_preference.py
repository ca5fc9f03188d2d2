"""Save how a person wants to be told."""

from collections.abc import Mapping
from datetime import time

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.actors import Actor
from core.changes import apply_changes
from core.events import NOTIFICATION_PREFERENCE_SAVED
from core.models import NotificationPreference
from core.notifications import notification_kinds


@transaction.atomic
def save_notification_preference(
    *,
    user_id: int,
    by: Actor,
    channels: Mapping[str, Mapping[str, bool]],
    mail_mode: str = NotificationPreference.MailMode.SOON,
    digest_at: time | None = None,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
    quiet_weekend: bool = False,
) -> NotificationPreference:
    """Save a person's own channels (kind → {"app": bool, "mail": bool}), the rhythm of mails and the quiet hours.

    Kinds that are not named keep their defaults. Raises PermissionDenied for somebody else's, ValidationError naming the field.
    """
    if by.actor_kind != "staff" or by.actor_id != user_id:
        raise PermissionDenied(_("You may only change how you yourself are told."))
    unknown = sorted(set(channels) - {kind.key for kind in notification_kinds})
    if unknown:
        raise ValidationError({"channels": _("There is no such thing to be told: %s.") % ", ".join(unknown)})
    if mail_mode not in NotificationPreference.MailMode.values:
        raise ValidationError({"mail_mode": _("Choose one of the offered values.")})
    if (quiet_from is None) != (quiet_until is None):
        missing = "quiet_until" if quiet_until is None else "quiet_from"
        raise ValidationError({missing: _("Give both ends of the quiet hours, or none.")})
    NotificationPreference.objects.get_or_create(user_id=user_id)
    row = NotificationPreference.objects.select_for_update().get(user_id=user_id)
    chosen = {
        key: {"app": bool(one.get("app")), "mail": bool(one.get("mail"))} for key, one in channels.items()
    }
    changes = apply_changes(
        row,
        channels=chosen,
        mail_mode=mail_mode,
        digest_at=digest_at,
        quiet_from=quiet_from,
        quiet_until=quiet_until,
        quiet_weekend=quiet_weekend,
    )
    row.save()
    if changes:
        NOTIFICATION_PREFERENCE_SAVED.record(by=by, subject_id=user_id, detail={"changed": sorted(changes)})
    return row
