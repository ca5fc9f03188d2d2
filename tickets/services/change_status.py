"""Change the status of a ticket."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actors import Actor
from core.models import Event
from people.viewer import Viewer
from tickets.custom_fields import missing_to_resolve
from tickets.events import STATUS_CHANGED
from tickets.models import Status, Ticket
from tickets.services.apply_sla import set_deadlines
from tickets.services.mark_sla_breaches import stamp_breaches
from tickets.sla_terms import status_runs
from tickets.ticket_rows import lock_ticket, save_ticket

# Changes that a person makes, to whom a refusal can be said.
_ASKED_FOR = frozenset({"", "reply"})
_OVER: frozenset[str] = frozenset({Status.Category.RESOLVED, Status.Category.CLOSED})


@transaction.atomic
def change_status(*, ticket: Ticket, status: str, by: Viewer, cause: Event | None = None) -> Ticket:
    """Put the ticket into the status with this key; does nothing when it has it already.

    Raises ValidationError for an unknown key and for a way back to "new".
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    target = Status.objects.filter(pk=status).first()
    if target is None or (not target.is_active and target.pk != locked.status_id):
        known = ", ".join(Status.objects.filter(is_active=True).values_list("key", flat=True))
        raise ValidationError({"status": _("Choose one of: %s.") % known})
    if target.pk == locked.status_id:
        return locked
    if target.category == Status.Category.NEW:
        raise ValidationError({"status": _("A ticket is new only until somebody has worked on it.")})
    move_to(locked, target, by=by, cause=cause)
    save_ticket(locked)
    return locked


def move_to(
    ticket: Ticket,
    status: Status,
    *,
    by: Actor,
    reason: str = "",
    at: datetime | None = None,
    cause: Event | None = None,
) -> None:
    """Give a locked ticket another status, record it and move the deadlines; the caller saves.

    ``reason`` is a stable word for changes that nobody asked for directly: ``reply``, ``customer_wrote``, ``grace_over``.
    A person who resolves the ticket (``reason`` empty or ``reply``) must have filled in the required fields: raises
    ValidationError naming those without a value.
    """
    now = at or timezone.now()
    before = ticket.status
    if reason in _ASKED_FOR and status.category in _OVER and before.category not in _OVER:
        _refuse_without_fields(ticket, by)
    if before.category in Status.ACTIVE:
        stamp_breaches(ticket, now)
    ticket.status = status
    ticket.status_category = status.category
    if before.category in _OVER and status.category not in _OVER:
        ticket.reopen_count += 1
    ticket.resolved_at = _since(status, _OVER, ticket.resolved_at, now)
    ticket.closed_at = _since(status, {Status.Category.CLOSED}, ticket.closed_at, now)
    if status.category in _OVER:
        ticket.waiting_since = None
        ticket.unread = False
        ticket.snoozed_until = None
        ticket.snoozed_by = None
    STATUS_CHANGED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "from": before.pk,
            "to": status.pk,
            "from_category": before.category,
            "to_category": status.category,
            "runs": status_runs(status),
            "reason": reason,
        },
        occurred_at=now,
        cause=cause,
    )
    set_deadlines(ticket)


def _refuse_without_fields(ticket: Ticket, by: Actor) -> None:
    if by.actor_kind not in {"staff", "api_key"}:
        return
    missing = missing_to_resolve(ticket)
    if missing:
        sentence = _("Fill in %s first: it is required to resolve this ticket.")
        listed = ", ".join(field.label for field in missing)
        raise ValidationError({"status": [sentence % listed]})


def _since(
    status: Status, categories: Collection[str], present: datetime | None, now: datetime
) -> datetime | None:
    """Keep the first moment of a stay in ``categories``; None outside."""
    if status.category not in categories:
        return None
    return present or now
