"""Make one incident of tickets that say the same, or say that they are none."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import INCIDENT_CONFIRMED, INCIDENT_DISMISSED
from tickets.models import Incident, Ticket, TicketLink
from tickets.services.link_tickets import link_tickets

# So many are linked at once; who confirms again links the next ones.
MOST_AT_ONCE = 100


@transaction.atomic
def confirm_incident(*, incident: Incident, by: Viewer) -> int:
    """Link the incident's tickets that the viewer sees as children of the oldest of them; returns how many were linked.

    Repeated, it links what has come since. A ticket that has a parent already, or was merged, is left as it is. Raises
    ValidationError when fewer than two can be linked or the viewer does not see the ticket that they are linked to,
    PermissionDenied.
    """
    by.require("tickets.edit")
    row = Incident.objects.select_for_update().get(pk=incident.pk)
    tickets = list(
        Ticket.objects.visible_to(by)
        .filter(incident_member__incident=row, merged_into=None)
        .order_by("created_at", "pk")
    )
    if (
        row.state == Incident.State.CONFIRMED
        and row.ticket_id not in {one.pk for one in tickets}
        and Ticket.objects.filter(
            pk=row.ticket_id or 0, merged_into=None, incident_member__incident=row
        ).exists()
    ):
        # Another head beside it would split the incident.
        raise ValidationError(_("It is one incident already, under a ticket that you do not see."))
    links = TicketLink.objects.filter(kind=TicketLink.Kind.PARENT, to_ticket__in=tickets)
    parents = dict(links.values_list("to_ticket", "from_ticket"))
    top = next((one for one in tickets if one.pk == row.ticket_id), None) or next(
        (one for one in tickets if one.pk not in parents), None
    )
    children = [one for one in tickets if one != top and one.pk not in parents][:MOST_AT_ONCE]
    if top is None or not (children or row.state == Incident.State.CONFIRMED):
        raise ValidationError(_("There are no longer two tickets that could be linked."))
    for child in children:
        link_tickets(ticket=top, other=child, role="child", by=by)
    if row.state != Incident.State.CONFIRMED or row.ticket_id != top.pk or children:
        row.state, row.ticket = Incident.State.CONFIRMED, top
        row.decided_at, row.decided_by_id, row.decided_size = timezone.now(), by.user_id, len(tickets)
        row.save()
        INCIDENT_CONFIRMED.record(
            by=by,
            subject_id=top.pk,
            ticket_id=top.pk,
            account_id=top.account_id,
            detail={"incident": row.pk, "linked": len(children)},
        )
    return len(children)


@transaction.atomic
def dismiss_incident(*, incident: Incident, by: Viewer) -> None:
    """Say that the tickets are no incident; links that exist stay. Raises ValidationError for a confirmed one."""
    by.require("tickets.edit")
    row = Incident.objects.select_for_update().get(pk=incident.pk)
    if row.state == Incident.State.CONFIRMED:
        raise ValidationError(
            _("It is one incident already: remove the links of tickets that do not belong to it.")
        )
    first = (
        Ticket.objects.visible_to(by)
        .filter(incident_member__incident=row)
        .order_by("created_at", "pk")
        .first()
    )
    if first is None or row.state == Incident.State.DISMISSED:
        return
    row.state = Incident.State.DISMISSED
    row.decided_at, row.decided_by_id, row.decided_size = timezone.now(), by.user_id, row.members.count()
    row.save()
    INCIDENT_DISMISSED.record(
        by=by,
        subject_id=first.pk,
        ticket_id=first.pk,
        account_id=first.account_id,
        detail={"incident": row.pk, "tickets": row.decided_size},
    )
