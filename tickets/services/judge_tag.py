"""A person's word on a suggested tag: put it on the ticket, or dismiss it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import TAG_DISMISSED
from tickets.models import TagSuggestion, Ticket
from tickets.services.change_tags import change_tags
from tickets.services.settle_tags import judge
from tickets.tag_names import tag_name
from tickets.ticket_rows import lock_ticket


@transaction.atomic
def accept_tag(*, ticket: Ticket, name: str, by: Viewer) -> Ticket:
    """Put a suggested tag on the ticket. Raises ValidationError when it is not suggested, and what ``change_tags`` raises."""
    by.require("tickets.edit")
    lock_ticket(ticket.pk, by)
    row = _open(ticket, name)
    return change_tags(ticket=ticket, add=[row.tag.name], by=by)


@transaction.atomic
def dismiss_tag(*, ticket: Ticket, name: str, by: Viewer) -> Ticket:
    """Say that a suggested tag is wrong here. Raises ValidationError when it is not suggested."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    row = _open(ticket, name)
    judge(row, TagSuggestion.State.DISMISSED, by)
    TAG_DISMISSED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"tag": row.tag.name},
    )
    return locked


def _open(ticket: Ticket, name: str) -> TagSuggestion:
    rows = TagSuggestion.objects.filter(ticket=ticket, state=TagSuggestion.State.OPEN).select_related("tag")
    row = rows.filter(tag__name=tag_name(name)).first()
    if row is None:
        raise ValidationError({"tag": _("This tag is not suggested any more.")})
    return row
