"""Say that a person is on a ticket. Comes every few seconds from every open ticket, so it records no event."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.models import Presence, Ticket

# A sign younger than this is not written again: half of what keeps a person present.
FRESH = timedelta(seconds=8)


def note_presence(*, ticket: Ticket, state: str, by: Viewer) -> None:
    """Write that ``by`` views or writes on a visible ticket (a state of Presence.State). Raises ValidationError."""
    by.require("tickets.view")
    if by.user_id is None:
        raise ValidationError({"state": _("Only people are present.")})
    if state not in Presence.State.values:
        raise ValidationError({"state": _("Choose one of: %s.") % ", ".join(Presence.State.values)})
    now = timezone.now()
    own = Presence.objects.filter(ticket=ticket, user_id=by.user_id)
    fresh = own.filter(state=state, seen_at__gt=now - FRESH)
    if fresh.exists():
        return
    if not own.update(state=state, seen_at=now):
        Presence.objects.bulk_create(
            [Presence(ticket=ticket, user_id=by.user_id, state=state, seen_at=now)],
            update_conflicts=True,
            unique_fields=["ticket", "user"],
            update_fields=["state", "seen_at"],
        )


def leave(*, ticket: Ticket, by: Viewer) -> None:
    """Say that the person has gone from the ticket."""
    by.require("tickets.view")
    Presence.objects.filter(ticket=ticket, user_id=by.user_id or 0).delete()


def forget_old_presence() -> int:
    """Delete the signs of people who have long gone; returns how many."""
    deleted, _by_model = Presence.objects.filter(seen_at__lt=timezone.now() - timedelta(hours=1)).delete()
    return deleted
