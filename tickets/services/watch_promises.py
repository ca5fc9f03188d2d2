"""Remind authors of their promises before they are due, and tell when one has passed."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from people.models import TeamMembership
from people.roles import Role
from people.viewer import Viewer, system_viewer
from tickets.events import PROMISE_BROKEN, PROMISE_DUE
from tickets.models import ConversationSignal, Ticket
from tickets.services.copy_signals import copy_signals
from tickets.services.note_promises import record_promises
from tickets.ticket_rows import lock_ticket

BATCH = 200


def watch_promises(*, now: datetime | None = None) -> int:
    """Take every reminder and every passed deadline that is due, each once; returns how many were taken."""
    moment, by = now or timezone.now(), system_viewer("task")
    open_ones = ConversationSignal.objects.promises().filter(state=ConversationSignal.State.OPEN)
    passed = open_ones.filter(due_at__lt=moment).order_by("due_at")
    near = open_ones.filter(remind_at__lte=moment, due_at__gte=moment).order_by("remind_at")
    taken = sum(_take(pk, moment, by) for pk in list(passed.values_list("pk", flat=True)[:BATCH]))
    return taken + sum(_take(pk, moment, by) for pk in list(near.values_list("pk", flat=True)[:BATCH]))


@transaction.atomic
def _take(signal_id: int, moment: datetime, by: Viewer) -> int:
    found = ConversationSignal.objects.select_related("message").filter(pk=signal_id).first()
    if found is None:
        return 0
    ticket = lock_ticket(found.message.ticket_id)
    # Read again: somebody may have answered or judged until the lock was held.
    again = ConversationSignal.objects.select_related("message").select_for_update(of=("self",))
    row = again.filter(pk=signal_id).first()
    if row is None or row.state != ConversationSignal.State.OPEN or row.due_at is None:
        return 0
    responsible = row.message.author_id or ticket.assignee_id
    told = [responsible] if responsible else []
    if row.due_at < moment:
        row.state, row.remind_at = ConversationSignal.State.BROKEN, None
        row.save(update_fields=["state", "remind_at"])
        copy_signals(tickets=[ticket], message_ids=[row.message_id])
        everybody = sorted({*told, *leads_of(ticket)})
        record_promises(PROMISE_BROKEN, [row], ticket, by=by, to=everybody)
        return 1
    if row.remind_at is None or row.remind_at > moment:
        return 0
    row.remind_at = None
    row.save(update_fields=["remind_at"])
    record_promises(PROMISE_DUE, [row], ticket, by=by, to=told)
    return 1


def leads_of(ticket: Ticket) -> set[int]:
    """The leads of the ticket's team."""
    leads = TeamMembership.objects.filter(
        team_id=ticket.team_id or 0, user__is_active=True, user__role=Role.LEAD
    )
    return set(leads.values_list("user_id", flat=True))
