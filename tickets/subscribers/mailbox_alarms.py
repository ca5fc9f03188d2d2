"""Tells administrators what is wrong with a mailbox."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.models import Event
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber
from people.selectors import people_who_may
from tickets.channels.email.events import MAILBOX_ALARM
from tickets.models import Mailbox
from tickets.notification_kinds import MAILBOX_KIND


class MailboxAlarms(Subscriber):
    """One line for each alarm and administrator."""

    key = "tickets.mailbox_alarms"
    label = gettext_lazy("Alarms about mailboxes")
    verbs = frozenset({MAILBOX_ALARM.verb})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Tell what is still so; a mailbox that is gone or well again is told of no more."""
        boxes = Mailbox.objects.select_related("inbox").in_bulk({event.subject_id for event in events})
        people = people_who_may("settings.manage")
        notices = [
            _notice(event, boxes[event.subject_id], user_id)
            for event in events
            if event.subject_id in boxes and boxes[event.subject_id].alarm == _alarm(event)
            for user_id in people
        ]
        notify_people(notices=notices, by=SYSTEM)


def _alarm(event: Event) -> str:
    return str((event.detail.data or {}).get("alarm", ""))


def _notice(event: Event, box: Mailbox, user_id: int) -> Notice:
    words = _("Mailbox %(mailbox)s of %(inbox)s: %(alarm)s")
    return Notice(
        user_id=user_id,
        kind=MAILBOX_KIND,
        text=words % {"mailbox": box, "inbox": box.inbox, "alarm": box.get_alarm_display()},
        verb=event.verb,
        url=f"/settings/mailboxes/{box.pk}/",
        cause=event,
        group=f"mailbox:{box.pk}",
    )
