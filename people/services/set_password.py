"""Set a password: one's own with the old one, or with a mailed link."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.account_links import user_of_token
from people.events import PASSWORD_CHANGED
from people.models import User
from people.viewer import Viewer


@transaction.atomic
def change_password(*, user: User, old_password: str, new_password: str, by: Viewer) -> User:
    """Change one's own password; every other session of the person ends. Raises ValidationError naming the field."""
    if by.user_id != user.pk:
        raise PermissionDenied(_("A password is changed by its owner."))
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.check_password(old_password):
        raise ValidationError({"old_password": _("This is not your present password.")})
    _store(row, new_password)
    PASSWORD_CHANGED.record(by=by, subject_id=row.pk, detail={"by": "owner"})
    return row


@transaction.atomic
def set_password_by_link(*, token: str, purpose: str, new_password: str) -> User | None:
    """Set the password of the person a link was mailed to; None when the link is not valid (any more).

    The person's row is locked before the token is looked at, so that a link works once. All sessions of the person end.
    Raises ValidationError naming the field.
    """
    user = user_of_token(token, purpose)
    if user is None:
        return None
    User.objects.select_for_update().get(pk=user.pk)
    row = user_of_token(token, purpose)
    if row is None:
        return None
    _store(row, new_password)
    PASSWORD_CHANGED.record(by=row.as_viewer(), subject_id=row.pk, detail={"by": purpose})
    return row


def _store(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"new_password": error.messages}) from error
    user.set_password(password)
    user.session_epoch += 1
    user.save(update_fields=["password", "session_epoch"])
