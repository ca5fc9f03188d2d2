"""Tells administrators that answers cannot leave by a mail server."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.models import Event
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber
from people.selectors import people_who_may
from tickets.channels.email.events import OUTGOING_ALARM
from tickets.models import OutgoingServer
from tickets.notification_kinds import MAILBOX_KIND


class OutgoingAlarms(Subscriber):
    """One line for each alarm and administrator."""

    key = "tickets.outgoing_alarms"
    label = gettext_lazy("Alarms about outgoing mail servers")
    verbs = frozenset({OUTGOING_ALARM.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Tell what is still so; a server that is gone or works again is told of no more."""
        servers = OutgoingServer.objects.select_related("inbox").in_bulk(
            {event.subject_id for event in events}
        )
        people = people_who_may("settings.manage")
        notices = [
            _notice(event, servers[event.subject_id], user_id)
            for event in events
            if event.subject_id in servers and servers[event.subject_id].alarm == _alarm(event)
            for user_id in people
        ]
        notify_people(notices=notices, by=SYSTEM)


def _alarm(event: Event) -> str:
    return str((event.detail.data or {}).get("alarm", ""))


def _notice(event: Event, outgoing: OutgoingServer, user_id: int) -> Notice:
    words = _("Outgoing server %(server)s of %(inbox)s: %(alarm)s")
    return Notice(
        user_id=user_id,
        kind=MAILBOX_KIND,
        text=words % {"server": outgoing, "inbox": outgoing.inbox, "alarm": outgoing.get_alarm_display()},
        verb=event.verb,
        url=reverse("settings-outgoing", args=[outgoing.inbox_id]),
        cause=event,
        group=f"outgoing:{outgoing.pk}",
    )
