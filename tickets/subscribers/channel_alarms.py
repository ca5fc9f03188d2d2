"""Tells administrators what is wrong with a channel."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.models import Event
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber
from people.selectors import people_who_may
from tickets.events import CHANNEL_ALARM
from tickets.models import ChannelHealth
from tickets.notification_kinds import CHANNEL_KIND


class ChannelAlarms(Subscriber):
    """One line for each alarm and administrator."""

    key = "tickets.channel_alarms"
    label = gettext_lazy("Alarms about channels")
    verbs = frozenset({CHANNEL_ALARM.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Tell what is still so; a channel that is gone or well again is told of no more."""
        rows = ChannelHealth.objects.select_related("inbox").in_bulk({event.subject_id for event in events})
        people = people_who_may("settings.manage")
        notices = [
            _notice(event, rows[event.subject_id], user_id)
            for event in events
            if event.subject_id in rows and rows[event.subject_id].alarm == _alarm(event)
            for user_id in people
        ]
        notify_people(notices=notices, by=SYSTEM)


def _alarm(event: Event) -> str:
    return str((event.detail.data or {}).get("alarm", ""))


def _notice(event: Event, health: ChannelHealth, user_id: int) -> Notice:
    return Notice(
        user_id=user_id,
        kind=CHANNEL_KIND,
        text=_("Channel %(inbox)s: %(alarm)s") % {"inbox": health.inbox, "alarm": health.get_alarm_display()},
        verb=event.verb,
        url=reverse("settings-inbox", args=[health.pk]),
        cause=event,
        group=f"channel:{health.pk}",
    )
