"""Tells people inside the product that they were given a ticket."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.events import NOTIFIED
from core.models import Event, Notification
from core.subscription import Subscriber
from tickets.events import ASSIGNED
from tickets.models import Ticket


class AssignmentNotifications(Subscriber):
    """One notification per assignment, never about one's own act."""

    key = "tickets.assignment_notifications"
    label = gettext_lazy("Notifications of assignments")
    verbs = frozenset({ASSIGNED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write the notifications that are still true: who has lost the ticket again is not told."""
        tickets = Ticket.objects.in_bulk([event.subject_id for event in events])
        for event in events:
            ticket = tickets.get(event.subject_id)
            user_id = (event.detail.data or {}).get("to")
            own = event.actor_kind == "staff" and event.actor_id == user_id
            if ticket is None or user_id is None or own or ticket.assignee_id != user_id:
                continue
            text = _("You were given #%(number)s %(subject)s") % {
                "number": ticket.number,
                "subject": ticket.subject,
            }
            _notification, created = Notification.objects.get_or_create(
                user_id=user_id,
                verb=event.verb,
                event_id=event.pk,
                defaults={"text": text[:300], "url": f"/inbox/{ticket.pk}/", "group": f"ticket:{ticket.pk}"},
            )
            if created:
                NOTIFIED.record(by=SYSTEM, subject_id=user_id, detail={"verb": event.verb}, cause=event)
