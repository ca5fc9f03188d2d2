"""The event log as integrations read it: what the catalogue tells, of what the viewer may see, in the one order of ``seq``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q, QuerySet

from core.models import Event, EventPosition
from integrations.catalogue import OTHER_TICKET, PERMISSION_OF
from people.viewer import Viewer
from tickets.models import Ticket


@dataclass(frozen=True)
class EventPage:
    """Rows as they are told, oldest first. ``next_after`` is where to go on; ``has_more`` says that there is more now."""

    rows: Sequence[Mapping[str, Any]]
    next_after: int
    has_more: bool


def visible_verbs(viewer: Viewer) -> frozenset[str]:
    """Return the verbs that a viewer may be told of."""
    return frozenset(verb for verb, permission in PERMISSION_OF.items() if viewer.can(permission))


def visible_events(viewer: Viewer, verbs: Collection[str]) -> QuerySet[Event]:
    """Return the events of these verbs that a viewer may be told of, unordered: those about a ticket only with the ticket."""
    known = visible_verbs(viewer) & set(verbs)
    about_tickets = {verb for verb in known if PERMISSION_OF[verb] == "tickets.view"}
    seen = Ticket.objects.visible_to(viewer)
    if viewer.can("tickets.all_teams") and viewer.can("tickets.view"):
        return Event.objects.filter(verb__in=known)
    return Event.objects.filter(verb__in=known).filter(
        ~Q(verb__in=about_tickets) | Q(ticket_id=None) | Q(ticket_id__in=seen.values("pk"))
    )


def event_page(viewer: Viewer, events: QuerySet[Event], *, after: int, limit: int) -> EventPage:
    """Return the events after a place in the order. Five queries at most.

    What is committed later has a later place, so that who goes on from ``next_after`` misses nothing.
    """
    last = EventPosition.objects.aggregate(last=Max("seq"))["last"] or 0
    rows = events.filter(position__seq__gt=after, position__seq__lte=last)
    found = list(rows.select_related("detail", "position").order_by("position__seq")[: limit + 1])
    has_more = len(found) > limit
    found = found[:limit]
    place = found[-1].position.seq if has_more and found else max(after, last)
    return EventPage(_told(found, viewer), place or 0, has_more)


def _told(events: Sequence[Event], viewer: Viewer) -> list[dict[str, Any]]:
    named = {event.ticket_id for event in events if event.ticket_id is not None}
    named |= {other for event in events if isinstance(other := _other(event), int)}
    seen = set(Ticket.objects.visible_to(viewer).filter(pk__in=named).values_list("pk", flat=True))
    told = []
    for event in events:
        is_hidden = event.ticket_id is not None and event.ticket_id not in seen
        detail = None if is_hidden else event.detail.data
        if event.verb in OTHER_TICKET and _other(event) not in seen:
            detail = None
        told.append(
            {
                "sequence": event.position.seq,
                "id": event.pk,
                "type": event.verb,
                "occurred_at": event.occurred_at,
                "recorded_at": event.recorded_at,
                "subject": {"kind": event.subject_kind, "id": event.subject_id},
                "actor": {"kind": event.actor_kind, "id": event.actor_id},
                "source": event.source,
                "account": event.account_id,
                "ticket": None if is_hidden else event.ticket_id,
                "cause": event.cause_id,
                "detail": detail,
            }
        )
    return told


def _other(event: Event) -> Any:
    key = OTHER_TICKET.get(event.verb)
    return (event.detail.data or {}).get(key) if key else None
