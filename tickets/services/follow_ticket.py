"""Follow a ticket: hear about it without working on it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.models import User
from people.viewer import Viewer
from tickets.events import FOLLOWED, UNFOLLOWED
from tickets.models import Follower, Ticket


@transaction.atomic
def follow_ticket(*, ticket: Ticket, by: Viewer, user: User | None = None) -> Follower:
    """Let ``user`` follow the ticket; without one the viewer itself. Following again changes nothing.

    Others are made followers by who may assign tickets. Raises ValidationError for somebody who does not see the ticket.
    """
    found, user_id = _whom(ticket, by, user)
    if user is not None and not Ticket.objects.visible_to(user.as_viewer()).filter(pk=found.pk).exists():
        raise ValidationError({"user": _("%s does not see this ticket.") % user})
    follower, created = Follower.objects.get_or_create(ticket=found, user_id=user_id)
    if created:
        FOLLOWED.record(
            by=by,
            subject_id=found.pk,
            ticket_id=found.pk,
            account_id=found.account_id,
            detail={"user": user_id},
        )
    return follower


@transaction.atomic
def unfollow_ticket(*, ticket: Ticket, by: Viewer, user: User | None = None) -> bool:
    """Let ``user``, or the viewer itself, no longer follow the ticket; returns whether that changed anything."""
    found, user_id = _whom(ticket, by, user)
    gone, _by_model = Follower.objects.filter(ticket=found, user_id=user_id).delete()
    if gone:
        UNFOLLOWED.record(
            by=by,
            subject_id=found.pk,
            ticket_id=found.pk,
            account_id=found.account_id,
            detail={"user": user_id},
        )
    return bool(gone)


def _whom(ticket: Ticket, by: Viewer, user: User | None) -> tuple[Ticket, int]:
    """The ticket, if the viewer sees it, and the id of the follower meant."""
    by.require("tickets.view")
    found = Ticket.objects.visible_to(by).get(pk=ticket.pk)
    user_id = by.user_id if user is None else user.pk
    if user_id is None:
        raise ValidationError({"user": _("Say who follows the ticket.")})
    if user_id != by.user_id:
        by.require("tickets.assign")
    return found, user_id
