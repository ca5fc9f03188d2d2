"""Acknowledges the mails that open tickets, and tells when the breaker has opened."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.models import Event
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber
from people.selectors import people_who_may
from tickets.events import ACKNOWLEDGEMENT_PAUSED, TICKET_CREATED
from tickets.models import Inbox
from tickets.notification_kinds import ACKNOWLEDGEMENT_KIND
from tickets.services.plan_acknowledgement import plan_acknowledgements


class Acknowledgements(Subscriber):
    """Looks at tickets as they are now, not as the event found them."""

    key = "tickets.acknowledgements"
    label = gettext_lazy("Acknowledgements of mails")
    verbs = frozenset({TICKET_CREATED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Plan them."""
        plan_acknowledgements(ticket_ids={event.ticket_id for event in events if event.ticket_id is not None})


class AcknowledgementAlarms(Subscriber):
    """One line for each administrator when an inbox was paused."""

    key = "tickets.acknowledgement_alarms"
    label = gettext_lazy("Alarms about acknowledgements")
    verbs = frozenset({ACKNOWLEDGEMENT_PAUSED.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Tell those who can let it go on."""
        inboxes = Inbox.objects.in_bulk({event.subject_id for event in events})
        people = people_who_may("settings.manage")
        words = _("%(inbox)s acknowledges no more mails: %(why)s")
        notices = [
            Notice(
                user_id=user_id,
                kind=ACKNOWLEDGEMENT_KIND,
                text=words
                % {"inbox": inboxes[event.subject_id], "why": (event.detail.data or {}).get("why", "")},
                verb=event.verb,
                url=reverse("settings-acknowledgement", args=[event.subject_id]),
                cause=event,
                group=f"acknowledgement:{event.subject_id}",
            )
            for event in events
            if event.subject_id in inboxes
            for user_id in people
        ]
        notify_people(notices=notices, by=SYSTEM)
