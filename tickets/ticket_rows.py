"""How services take a ticket's row for a change and put it back. Every writer of list columns goes through here."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.families import merge_target
from tickets.models import Ticket
from tickets.sla_terms import policy_of
from tickets.status_rows import status_of

RANKS = {
    Ticket.Priority.LOW: 0,
    Ticket.Priority.NORMAL: 1,
    Ticket.Priority.HIGH: 2,
    Ticket.Priority.URGENT: 3,
}


# All are plain values, so that a change shows by comparing.
_COLUMNS = [
    field.attname for field in Ticket._meta.concrete_fields if not field.primary_key and not field.generated
]


def lock_ticket(ticket_id: int, by: Viewer | None = None, *, merged_too: bool = False) -> Ticket:
    """Return the ticket locked until the end of the transaction, with its status and the terms of its policy.

    With ``by`` only when the viewer may see it. A merged ticket rests until the merge is taken back: people and
    integrations are refused with ValidationError unless ``merged_too``. Raises Ticket.DoesNotExist.
    """
    # Locked alone: PostgreSQL drops a row from a joined query when what it waited for has changed the joined columns.
    ticket: Ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if by is not None and not (by.can("tickets.view") and by.can("tickets.all_teams")):
        Ticket.objects.visible_to(by).only("pk").get(pk=ticket_id)
    ticket.status = status_of(ticket.status_id or "")
    # With its terms, which a change of status or priority asks for.
    ticket.sla_policy = policy_of(ticket)
    ticket.as_read = dict(vars(ticket))
    if ticket.merged_into_id is not None and not merged_too and by is not None and by.kind != "system":
        number = Ticket.objects.values_list("number", flat=True).get(pk=ticket.merged_into_id)
        sentence = _("#%(number)d was merged into #%(target)d: go on there, or take the merge back first.")
        raise ValidationError({"ticket": sentence % {"number": ticket.number, "target": number}})
    return ticket


def lock_tickets(ticket_ids: Collection[int]) -> dict[int, Ticket]:
    """Return the tickets by id, locked in the order of their ids, which all who lock several keep to; the unknown are left out.

    For writers of their own columns by id: unlike ``lock_ticket`` it reads neither status nor policy.
    """
    return {
        row.pk: row for row in Ticket.objects.select_for_update().filter(pk__in=ticket_ids).order_by("pk")
    }


def lock_both(
    first: int, second: int, by: Viewer | None = None, *, merged_too: bool = False
) -> tuple[Ticket, Ticket]:
    """Lock two tickets, whoever asks in the same order; raises what ``lock_ticket`` raises."""
    locked = {pk: lock_ticket(pk, by, merged_too=merged_too) for pk in sorted({first, second})}
    return locked[first], locked[second]


def lock_where_it_goes_on(ticket_id: int) -> Ticket:
    """Return the ticket locked or, when it was merged, the one in which it goes on. Raises Ticket.DoesNotExist."""
    while True:
        end = merge_target(Ticket.objects.select_related("merged_into").get(pk=ticket_id))
        locked = lock_ticket(end.pk)
        # Somebody may have merged it while this waited for the lock.
        if locked.merged_into_id is None:
            return locked


def save_ticket(ticket: Ticket, *, now: datetime | None = None) -> None:
    """Write what has changed of a locked ticket, as its next version."""
    ticket.version += 1
    ticket.updated_at = now or timezone.now()
    values = vars(ticket)
    as_read = ticket.as_read
    ticket.save(
        update_fields=None
        if as_read is None
        else [name for name in _COLUMNS if name in values and values[name] != as_read.get(name, values)]
    )
    ticket.as_read = dict(values)


def next_numbers(count: int) -> range:
    """Give out the next ticket numbers; the counter stays locked until the end of the transaction."""
    with connection.cursor() as cursor:
        # One statement where the ORM needs two: everybody who opens a ticket passes here, one after the other.
        cursor.execute("UPDATE tickets_ticketnumber SET last = last + %s RETURNING last", [count])
        last = int(cursor.fetchone()[0])
    return range(last - count + 1, last + 1)
