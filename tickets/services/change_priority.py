"""Change the priority of a ticket, and with it what is promised."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.actors import Actor
from core.models import Event
from people.viewer import Viewer
from tickets.events import PRIORITY_CHANGED
from tickets.models import Ticket
from tickets.services.apply_sla import choose_policy, set_deadlines
from tickets.ticket_rows import RANKS, lock_ticket, save_ticket


@transaction.atomic
def change_priority(*, ticket: Ticket, priority: str, by: Viewer) -> Ticket:
    """Give the ticket a priority; raises ValidationError for an unknown one."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    if priority not in Ticket.Priority.values:
        raise ValidationError({"priority": _("Choose one of: %s.") % ", ".join(Ticket.Priority.values)})
    if priority != locked.priority:
        set_priority(locked, priority, by=by)
        save_ticket(locked)
    return locked


def set_priority(ticket: Ticket, priority: str, *, by: Actor, cause: Event | None = None) -> None:
    """Set the priority of a locked ticket, choose the policy again, record it and move the deadlines; the caller saves."""
    before = ticket.priority
    ticket.priority = priority
    ticket.priority_rank = RANKS[Ticket.Priority(priority)]
    ticket.sla_policy = choose_policy(ticket)
    set_deadlines(ticket)
    PRIORITY_CHANGED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"from": before, "to": priority},
        cause=cause,
    )
