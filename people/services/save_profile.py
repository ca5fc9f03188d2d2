"""Change one's own profile."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.events import PROFILE_CHANGED
from people.models import User
from people.time_zones import zone_names
from people.viewer import Viewer

UNDO_SECONDS = (0, 5, 15, 30)
UNDO_DEFAULT = 15
MOST_SIGNATURE = 1000


@transaction.atomic
def save_profile(
    *,
    user: User,
    name: str,
    timezone: str,
    availability_at_login: str,
    by: Viewer,
    undo_seconds: int | None = None,
    signature: str | None = None,
) -> User:
    """Change a person's own name, time zone and availability after login ("" keeps what it was), for how many seconds an
    answer can be taken back (one of UNDO_SECONDS) and the words below answers; None leaves either as it is.

    Raises PermissionDenied for somebody else's profile and ValidationError naming the field.
    """
    if by.user_id != user.pk:
        raise PermissionDenied(_("You may only change your own profile."))
    if timezone not in zone_names():
        raise ValidationError({"timezone": _("This time zone is not known.")})
    if availability_at_login not in ("", *User.Availability.values):
        raise ValidationError({"availability_at_login": _("Choose one of the offered values.")})
    if undo_seconds is not None and undo_seconds not in UNDO_SECONDS:
        raise ValidationError({"undo_seconds": _("Choose one of the offered values.")})
    row = User.objects.select_for_update().get(pk=user.pk)
    preferences = {**row.preferences, "availability_at_login": availability_at_login}
    if undo_seconds is not None:
        preferences["undo_seconds"] = undo_seconds
    if signature is not None:
        preferences["signature"] = signature.strip()[:MOST_SIGNATURE]
    changes = apply_changes(row, name=name.strip(), timezone=timezone, preferences=preferences)
    row.full_clean(exclude=["password"])
    row.save(update_fields=["name", "timezone", "preferences"])
    if changes:
        PROFILE_CHANGED.record(by=by, subject_id=row.pk, detail=changes)
    return row
