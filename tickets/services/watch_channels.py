"""Notice channels that are silent against their usual rhythm, or out of reach for too long."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from tickets.models import ChannelHealth, ChannelTraffic
from tickets.registry import channels
from tickets.services.note_channel import raise_channel_alarm

WEEKS = 4
# None of eight expected messages comes by chance once in three thousand times.
SILENT_AFTER_EXPECTED = 8.0
ALARM_AFTER = timedelta(minutes=15)
_WEEK = timedelta(days=7)
_HOUR = timedelta(hours=1)


def watch_channels() -> int:
    """Raise the alarms that are due and take back those of silence that is over; returns how many were raised."""
    raised = 0
    now = timezone.now()
    rows = ChannelHealth.objects.filter(inbox__is_active=True).select_related("inbox").order_by("pk")
    for row in rows:
        if row.inbox.channel not in channels or channels.get(row.inbox.channel).watches_itself:
            continue
        with transaction.atomic():
            health = ChannelHealth.objects.select_for_update().get(pk=row.pk)
            if health.state == ChannelHealth.State.UNREACHABLE:
                if now - health.state_since >= ALARM_AFTER:
                    raised += raise_channel_alarm(health, ChannelHealth.Alarm.UNREACHABLE)
            elif health.alarm in ("", ChannelHealth.Alarm.SILENT):
                raised += _judge_silence(health, now)
    return raised


def expected_messages(health: ChannelHealth, now: datetime) -> float | None:
    """How many messages usually come in the whole hours that have passed since the last one; None within the first week.

    The mean of the same hours of up to four weeks before; a silence of over a week is compared with the week before it.
    """
    last = health.last_in_at
    first = ChannelTraffic.objects.filter(inbox=health.pk, received__gt=0).order_by("hour").first()
    if last is None or first is None:
        return None
    since = max(_full_hour(last) + _HOUR, _full_hour(now) - _WEEK)
    weeks = min(WEEKS, int((since - first.hour) / _WEEK))
    if weeks < 1 or since >= _full_hour(now):
        return None
    counts = [
        ChannelTraffic.objects.filter(
            inbox=health.pk, hour__gte=since - _WEEK * week, hour__lt=_full_hour(now) - _WEEK * week
        ).aggregate(total=Sum("received"))["total"]
        or 0
        for week in range(1, weeks + 1)
    ]
    return sum(counts) / weeks


def _judge_silence(health: ChannelHealth, now: datetime) -> int:
    expected = expected_messages(health, now)
    if expected is not None and expected >= SILENT_AFTER_EXPECTED:
        return int(raise_channel_alarm(health, ChannelHealth.Alarm.SILENT))
    if health.alarm == ChannelHealth.Alarm.SILENT:
        health.alarm = ""
        health.save(update_fields=["alarm"])
    return 0


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
