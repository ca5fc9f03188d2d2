"""Put tags on a ticket and take them away."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Event
from people.viewer import Viewer
from tickets.events import TAGS_CHANGED
from tickets.models import Tag, Ticket, TicketTag
from tickets.search_index import index_ticket
from tickets.services.settle_tags import settle_tags
from tickets.tag_names import tag_names
from tickets.ticket_rows import lock_ticket, save_ticket

MOST_TAGS = 50


@transaction.atomic
def change_tags(
    *,
    ticket: Ticket,
    by: Viewer,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    cause: Event | None = None,
) -> Ticket:
    """Add and remove tags by name; a name that is not known yet becomes a tag. Does nothing when nothing changes.

    What a person changes is the word on suggested tags, too.
    Raises ValidationError for a name that cannot be one, a tag that is not in use any more, and too many.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    present = set(locked.ticket_tags.values_list("tag__name", flat=True))
    gone = [name for name in tag_names(remove) if name in present]
    new = [name for name in tag_names(add) if name not in present and name not in gone]
    if not gone and not new:
        return locked
    if len(present) - len(gone) + len(new) > MOST_TAGS:
        raise ValidationError({"tags": _("A ticket has at most %d tags.") % MOST_TAGS})
    TicketTag.objects.filter(ticket=locked, tag__name__in=gone).delete()
    TicketTag.objects.bulk_create(
        [TicketTag(ticket=locked, tag=tag) for tag in _tags(new)], ignore_conflicts=True
    )
    TAGS_CHANGED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"added": new, "removed": gone},
        cause=cause,
    )
    settle_tags(ticket=locked, added=new, removed=gone, by=by)
    save_ticket(locked)
    index_ticket(locked.pk)
    return locked


def replace_tags(*, ticket: Ticket, names: Sequence[str], by: Viewer) -> Ticket:
    """Let the ticket have exactly these tags; raises what ``change_tags`` raises."""
    wanted = tag_names(names)
    present = list(ticket.ticket_tags.values_list("tag__name", flat=True))
    return change_tags(
        ticket=ticket, by=by, add=wanted, remove=[name for name in present if name not in wanted]
    )


def _tags(names: Sequence[str]) -> list[Tag]:
    """Return the tags of these names, made where there is none."""
    if not names:
        return []
    known = {tag.name: tag for tag in Tag.objects.filter(name__in=names)}
    idle = [name for name, tag in known.items() if not tag.is_active]
    if idle:
        raise ValidationError({"tags": _("%s is not in use any more.") % ", ".join(idle)})
    missing = [name for name in names if name not in known]
    if missing:
        Tag.objects.bulk_create([Tag(name=name) for name in missing], ignore_conflicts=True)
        known |= {tag.name: tag for tag in Tag.objects.filter(name__in=missing)}
    return [known[name] for name in names]
