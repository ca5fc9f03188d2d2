"""Note how a channel is, as its provider's answers show it, and raise or take back its alarm."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from people.viewer import system_viewer
from tickets.events import CHANNEL_ALARM, CHANNEL_STATE_CHANGED
from tickets.models import ChannelHealth

State = ChannelHealth.State
# An unchanged state is written down again this often, so that a busy channel costs no write per message.
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def note_channel(*, inbox_id: int, state: ChannelHealth.State, error: str = "") -> int:
    """Note what the last call to the provider showed, and return how many have failed in a row.

    A refusal of the credentials raises its alarm at once; a channel that works again takes every alarm but silence back.
    """
    now = timezone.now()
    health, _created = ChannelHealth.objects.get_or_create(inbox_id=inbox_id)
    same = health.state == state and health.error == error[:300]
    if same and health.checked_at is not None and now - health.checked_at < NOTED_EVERY and state == State.OK:
        return 0
    health = ChannelHealth.objects.select_for_update().get(pk=health.pk)
    before = health.state
    health.failures = 0 if state == State.OK else health.failures + 1
    health.checked_at, health.error = now, error[:300]
    if before != state:
        health.state, health.state_since = state, now
        CHANNEL_STATE_CHANGED.record(
            by=system_viewer("channel"),
            subject_id=inbox_id,
            detail={"from": before, "to": str(state), "error": error[:300]},
        )
    if state == State.OK and health.alarm in (ChannelHealth.Alarm.REFUSED, ChannelHealth.Alarm.UNREACHABLE):
        health.alarm = ""
    health.save()
    if state == State.REFUSED:
        raise_channel_alarm(health, ChannelHealth.Alarm.REFUSED)
    return health.failures


def raise_channel_alarm(health: ChannelHealth, alarm: ChannelHealth.Alarm) -> bool:
    """Tell people, once until it is taken back; in the caller's transaction. Returns whether it is new."""
    if health.alarm == alarm:
        return False
    health.alarm = alarm
    health.save(update_fields=["alarm"])
    CHANNEL_ALARM.record(by=system_viewer("channel"), subject_id=health.pk, detail={"alarm": str(alarm)})
    return True


def note_refused_call(*, inbox_id: int) -> None:
    """Count a call that did not prove to come from the provider."""
    ChannelHealth.objects.get_or_create(inbox_id=inbox_id)
    ChannelHealth.objects.filter(pk=inbox_id).update(
        refused_calls=F("refused_calls") + 1, refused_at=timezone.now()
    )
