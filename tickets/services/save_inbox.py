"""Create or change an inbox."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Team
from people.viewer import Viewer
from tickets.events import INBOX_SAVED
from tickets.models import Inbox


@transaction.atomic
def save_inbox(
    *,
    name: str,
    address: str,
    from_name: str,
    signature: str,
    default_team: Team | None,
    by: Viewer,
    channel: str = "email",
    is_active: bool = True,
    inbox: Inbox | None = None,
) -> Inbox:
    """Save an inbox; without ``inbox`` a new one. Raises ValidationError naming the field.

    ``address`` is where answers come from; two active inboxes cannot share one. The name is also the drop folder's, so
    mails put into the folder of an old name wait there after a change.
    """
    by.require("settings.manage")
    row = Inbox() if inbox is None else Inbox.objects.select_for_update().get(pk=inbox.pk)
    address = address.strip().lower()
    others = Inbox.objects.filter(address__iexact=address, is_active=True).exclude(pk=row.pk)
    if address and is_active and others.exists():
        raise ValidationError({"address": _("Another inbox uses this address.")})
    changes = apply_changes(
        row,
        name=name.strip(),
        channel=channel,
        address=address,
        from_name=from_name.strip(),
        signature=signature.strip(),
        default_team=default_team,
        is_active=is_active,
    )
    row.full_clean()
    row.save()
    if changes or inbox is None:
        INBOX_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row
