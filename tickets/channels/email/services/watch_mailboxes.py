"""Notice mailboxes that have gone quiet, and servers that stay out of reach.

A mailbox is silent when so many mails would usually have come since the last one that their absence is no chance. "Usually" is
the same hours of the weeks before, so that nights and weekends raise no alarm.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from tickets.channels.email.services.look_at_mailbox import ALARM_AFTER, State, raise_alarm
from tickets.models import Mailbox, MailboxMail

WEEKS = 4
# None of eight expected mails comes by chance once in three thousand times.
SILENT_AFTER_EXPECTED = 8.0
_WEEK = timedelta(days=7)


def watch_mailboxes() -> int:
    """Raise the alarms that are due and take back those of silence that is over; returns how many were raised."""
    raised = 0
    now = timezone.now()
    boxes = Mailbox.objects.filter(inbox__is_active=True).exclude(state=State.PAUSED)
    for box in boxes.order_by("pk"):
        with transaction.atomic():
            if box.state == State.UNREACHABLE and now - box.state_since >= ALARM_AFTER:
                raised += _raise(box, Mailbox.Alarm.UNREACHABLE)
            elif box.state == State.OK and box.alarm in ("", Mailbox.Alarm.SILENT):
                raised += _judge_silence(box, now)
    return raised


def expected_mails(box: Mailbox, now: datetime) -> float | None:
    """How many mails usually come in the time that has passed since the last one; None within the first week."""
    last = box.last_mail_at
    if last is None or box.connected_at is None:
        return None
    weeks = min(WEEKS, int((now - box.connected_at) / _WEEK))
    # A silence of over a week is compared with the week before it, over and over the same: that is enough.
    since = max(last, now - _WEEK)
    if weeks < 1 or since >= now:
        return None
    counts = [
        MailboxMail.objects.filter(
            mailbox=box,
            outcome=MailboxMail.Outcome.KEPT,
            arrived_at__gt=since - _WEEK * week,
            arrived_at__lte=now - _WEEK * week,
        ).count()
        for week in range(1, weeks + 1)
    ]
    return sum(counts) / weeks


def _judge_silence(box: Mailbox, now: datetime) -> int:
    expected = expected_mails(box, now)
    is_silent = expected is not None and expected >= SILENT_AFTER_EXPECTED
    if is_silent:
        return _raise(box, Mailbox.Alarm.SILENT)
    if box.alarm == Mailbox.Alarm.SILENT:
        Mailbox.objects.filter(pk=box.pk, alarm=Mailbox.Alarm.SILENT).update(alarm="")
    return 0


def _raise(box: Mailbox, alarm: str) -> int:
    if box.alarm == alarm:
        return 0
    raise_alarm(box, alarm)
    return 1
