"""A later message is about something else: propose another category, follow the proposal, or dismiss it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from ml.classifiers import TextPrediction
from people.viewer import Viewer
from tickets.events import TOPIC_DISMISSED, TOPIC_SEEN
from tickets.models import Category, Message, Ticket, TopicChange
from tickets.services.correct_routing import correct_routing
from tickets.ticket_rows import lock_ticket

State = TopicChange.State
SETTLED = (Ticket.Routing.ROUTED, Ticket.Routing.MANUAL)


@transaction.atomic
def propose_topic(
    *, message_id: int, prediction: TextPrediction, source: str, by: Viewer, cause: Event | None = None
) -> TopicChange | None:
    """Propose the predicted category for the ticket of a later message; None when there is nothing to propose.

    A ticket that is closed or in triage, a category that it has already, one that people have dismissed on this ticket, and a
    message older than the last one that was looked at are left alone. Raises Message.DoesNotExist.
    """
    by.require("tickets.edit")
    message = Message.objects.get(pk=message_id, kind=Message.Kind.INBOUND)
    ticket = lock_ticket(message.ticket_id, merged_too=True)
    category = Category.objects.filter(name=prediction.label, is_active=True).first()
    known = TopicChange.objects.filter(ticket=ticket).first()
    if (
        category is None
        or ticket.merged_into_id is not None
        or ticket.routing_state not in SETTLED
        or ticket.status_category == "closed"
        or ticket.category_id in (None, category.pk)
        or (known is not None and known.message_id >= message.pk)
        or (known is not None and known.state == State.DISMISSED and known.category_id == category.pk)
    ):
        return None
    # Who followed one proposal before has not changed what the first message was about.
    followed = known is not None and known.state == State.FOLLOWED
    row, _created = TopicChange.objects.update_or_create(
        ticket=ticket,
        defaults={
            "message": message,
            "first_category_id": known.first_category_id if known and followed else ticket.category_id,
            "category": category,
            "probability": prediction.probability,
            "source": source[:64],
            "state": State.PROPOSED,
            "proposed_at": timezone.now(),
            "decided_at": None,
            "decided_by": None,
        },
    )
    TOPIC_SEEN.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={"category": category.pk, "from": ticket.category_id, "message": message.pk, "source": source},
        cause=cause,
    )
    return row


@transaction.atomic
def follow_topic(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Move the ticket where the proposal says. The first message was right about what it said, so it is no correction.

    Raises ValidationError when nothing is proposed, PermissionDenied without ``tickets.edit``.
    """
    by.require("tickets.edit")
    lock_ticket(ticket.pk, by)
    row = _proposed(ticket)
    _decide(row, State.FOLLOWED, by)
    return correct_routing(ticket=ticket, category=row.category, by=by, learn=False)


@transaction.atomic
def dismiss_topic(*, ticket: Ticket, by: Viewer) -> TopicChange:
    """Leave the ticket where it is; the same category is not proposed on it again. Raises as ``follow_topic``."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    row = _proposed(ticket)
    _decide(row, State.DISMISSED, by)
    TOPIC_DISMISSED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"category": row.category_id},
    )
    return row


def _proposed(ticket: Ticket) -> TopicChange:
    rows = TopicChange.objects.select_for_update(of=("self",)).select_related("category__team")
    row = rows.filter(ticket=ticket, state=State.PROPOSED).first()
    if row is None:
        raise ValidationError(_("Nothing is proposed any more."))
    return row


def _decide(row: TopicChange, state: str, by: Viewer) -> None:
    row.state, row.decided_at, row.decided_by_id = state, timezone.now(), by.user_id
    row.save(update_fields=["state", "decided_at", "decided_by"])
