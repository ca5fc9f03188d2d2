"""Say whether new tickets may be given to a person."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.events import AVAILABILITY_CHANGED
from people.models import User
from people.viewer import Viewer


@transaction.atomic
def set_availability(*, user: User, availability: str, by: Viewer) -> User:
    """Set a person's availability; one's own, or anybody's with ``people.schedule``.

    Raises PermissionDenied, and ValidationError for an unknown value. Unchanged availability records nothing.
    """
    if by.user_id != user.pk and not by.can("people.schedule"):
        raise PermissionDenied(_("You may only change your own availability."))
    if availability not in User.Availability.values:
        raise ValidationError({"availability": _("Choose one of the offered values.")})
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.availability == availability:
        return row
    old, row.availability, row.availability_changed_at = row.availability, availability, timezone.now()
    row.save(update_fields=["availability", "availability_changed_at"])
    AVAILABILITY_CHANGED.record(by=by, subject_id=row.pk, detail={"old": old, "new": availability})
    return row
