"""Link tickets that belong together, and remove a link."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.events import EventType
from people.viewer import Viewer
from tickets.events import LINKED, UNLINKED
from tickets.models import Ticket, TicketLink
from tickets.ticket_rows import lock_both

# What the other ticket can be to the one at hand.
ROLES = ("related", "child", "parent", "duplicate")


@transaction.atomic
def link_tickets(*, ticket: Ticket, other: Ticket, role: str, by: Viewer) -> TicketLink:
    """Link ``other`` to ``ticket`` as its ``role``: related, child, parent, or duplicate (``ticket`` repeats ``other``).

    A link that exists is returned. A ticket has one parent at most, and nobody is an ancestor of itself. Raises
    ValidationError naming ``other`` or ``role``.
    """
    by.require("tickets.edit")
    if role not in ROLES:
        raise ValidationError({"role": _("Choose one of: %s.") % ", ".join(ROLES)})
    if ticket.pk == other.pk:
        raise ValidationError({"other": _("Choose another ticket.")})
    mine, theirs = lock_both(ticket.pk, other.pk, by)
    first, second, kind = _ends(mine, theirs, role)
    known = TicketLink.objects.filter(from_ticket=first, to_ticket=second, kind=kind).first()
    if known is not None:
        return known
    if kind == TicketLink.Kind.PARENT:
        _refuse_parent(first, second)
    link = TicketLink.objects.create(from_ticket=first, to_ticket=second, kind=kind, created_by_id=by.user_id)
    _record(LINKED, link, by)
    return link


@transaction.atomic
def unlink_tickets(*, link: TicketLink, by: Viewer) -> None:
    """Remove a link between two tickets that the viewer sees; where a ticket was split off stays known."""
    by.require("tickets.edit")
    lock_both(link.from_ticket_id, link.to_ticket_id, by, merged_too=True)
    if link.kind == TicketLink.Kind.SPLIT:
        raise ValidationError({"link": _("Where a ticket was split off stays known.")})
    gone, _by_model = TicketLink.objects.filter(pk=link.pk).delete()
    if gone:
        _record(UNLINKED, link, by)


def _ends(ticket: Ticket, other: Ticket, role: str) -> tuple[Ticket, Ticket, str]:
    """(from, to, kind) of the row that says that ``other`` is ``role`` of ``ticket``."""
    if role == "child":
        return ticket, other, TicketLink.Kind.PARENT
    if role == "parent":
        return other, ticket, TicketLink.Kind.PARENT
    if role == "duplicate":
        return ticket, other, TicketLink.Kind.DUPLICATE
    first, second = sorted((ticket, other), key=lambda one: one.pk)
    return first, second, TicketLink.Kind.RELATED


def _refuse_parent(parent: Ticket, child: Ticket) -> None:
    if TicketLink.objects.filter(to_ticket=child, kind=TicketLink.Kind.PARENT).exists():
        raise ValidationError({"other": _("#%d has a parent already.") % child.number})
    seen: set[int] = set()
    above: int | None = parent.pk
    while above is not None and above not in seen:
        if above == child.pk:
            raise ValidationError({"other": _("#%d would become its own ancestor.") % child.number})
        seen.add(above)
        parents = TicketLink.objects.filter(to_ticket=above, kind=TicketLink.Kind.PARENT)
        above = parents.values_list("from_ticket", flat=True).first()


def _record(event_type: EventType, link: TicketLink, by: Viewer) -> None:
    """Leave a line in both tickets: what the other one is."""
    for ticket, other, role in (
        (link.from_ticket, link.to_ticket, "from"),
        (link.to_ticket, link.from_ticket, "to"),
    ):
        event_type.record(
            by=by,
            subject_id=ticket.pk,
            ticket_id=ticket.pk,
            account_id=ticket.account_id,
            detail={"kind": link.kind, "role": role, "ticket": other.pk, "number": other.number},
        )
