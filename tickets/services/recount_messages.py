"""What lists show of a ticket's messages, counted anew from the rows: after a merge, a split, a moved message or an answer
that was taken back."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Max, Q

from core.models import Event
from tickets.episodes import OVER, TAKEN_BACK
from tickets.events import STATUS_CHANGED
from tickets.families import family_of
from tickets.message_text import PREVIEW_READS, preview
from tickets.models import Message, Status, Ticket, TicketMerge
from tickets.rich_text import without_marks


def recount_messages(ticket: Ticket) -> None:
    """Set counts, the last message and the wait of a locked ticket from its messages and those of tickets merged into it.

    The customer waits since the first message by a person that neither an answer nor a solution has followed; nobody
    waits on a ticket that is over. The caller saves. Five queries, six with merged tickets.
    """
    family = list(family_of(ticket))
    said = Message.objects.filter(ticket_id__in=family).exclude(kind=Message.Kind.NOTE)
    sent = Q(kind=Message.Kind.OUTBOUND)
    counted = said.aggregate(
        inbound=Count("pk", filter=~sent),
        outbound=Count("pk", filter=sent),
        answered_at=Max("created_at", filter=sent),
    )
    ticket.inbound_count = counted["inbound"]
    ticket.outbound_count = counted["outbound"]
    last = said.order_by("-created_at", "-pk").first()
    if last is not None:
        ours = last.kind == Message.Kind.OUTBOUND
        words = without_marks(last.body_text[:PREVIEW_READS]) if ours else last.body_text
        ticket.last_message_at = last.created_at
        ticket.last_message_preview = preview(words, last.quote_offsets)
        ticket.last_message_inbound = not ours
    ticket.waiting_since = None
    if ticket.status_category in Status.ACTIVE:
        unanswered = said.filter(_unsolved(ticket.pk, family), ~sent, is_automatic=False)
        if counted["answered_at"] is not None:
            unanswered = unanswered.filter(created_at__gt=counted["answered_at"])
        ticket.waiting_since = unanswered.order_by("created_at").values_list("created_at", flat=True).first()


def _unsolved(root: int, family: Collection[int]) -> Q:
    """The messages of a family that are newer than the last solution of their own ticket, or of one that it was merged
    into by then."""
    solved = _solutions(family)
    merged: list[tuple[int, int, datetime]] = []
    if len(family) > 1:
        rows = TicketMerge.objects.filter(source__in=family, target__in=family, undone_at=None)
        merged = list(rows.values_list("source_id", "target_id", "merged_at"))
    wanted, reached, seen = Q(), [root], set[int]()
    while reached:
        present = reached.pop()
        if present in seen:
            continue
        seen.add(present)
        moments = solved[present]
        wanted |= Q(ticket_id=present, created_at__gt=max(moments)) if moments else Q(ticket_id=present)
        for source, target, at in merged:
            if target == present:
                solved[source] += [moment for moment in moments if moment >= at]
                reached.append(source)
    return wanted


def _solutions(ids: Collection[int]) -> dict[int, list[datetime]]:
    """When tickets were solved, as far as it was not taken back; closing by a merge solves nothing. One query."""
    passed: dict[int, list[datetime | None]] = {pk: [] for pk in ids}
    changes = Event.objects.filter(ticket_id__in=passed, verb=STATUS_CHANGED.verb).select_related("detail")
    for event in changes.order_by("pk"):
        data = event.detail.data or {}
        was_over, is_over = data.get("from_category") in OVER, data.get("to_category") in OVER
        own = passed[event.ticket_id or 0]
        if is_over and not was_over:
            own.append(None if data.get("reason") == "merged" else event.occurred_at)
        elif was_over and not is_over and own and data.get("reason") in TAKEN_BACK:
            own.pop()
    return {pk: [at for at in moments if at is not None] for pk, moments in passed.items()}
