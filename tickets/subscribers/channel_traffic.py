"""Counts the messages of each inbox by the hour, by which its usual rhythm and its last message are known."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy

from core.models import Event
from core.subscription import Subscriber
from tickets.channels.email.events import ANSWER_FAILED, ANSWER_SENT
from tickets.events import MESSAGE_RECEIVED
from tickets.models import ChannelHealth, ChannelTraffic, Message

_COLUMNS = {MESSAGE_RECEIVED.verb: "received", ANSWER_SENT.verb: "sent", ANSWER_FAILED.verb: "failed"}


class CountTraffic(Subscriber):
    """One row per inbox and hour."""

    key = "tickets.channel_traffic"
    label = gettext_lazy("Messages of each channel")
    verbs = frozenset(_COLUMNS)
    batch_size = 200
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Add the events to their hours. A message without an inbox counts nowhere."""
        ids = {event.subject_id for event in events}
        inboxes = dict(
            Message.objects.filter(pk__in=ids).exclude(inbox=None).values_list("pk", "inbox_id").order_by()
        )
        counts: dict[tuple[int, datetime], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        last: dict[tuple[int, str], datetime] = {}
        for event in events:
            inbox_id = inboxes.get(event.subject_id)
            if inbox_id is None:
                continue
            column = _COLUMNS[event.verb]
            hour = event.occurred_at.replace(minute=0, second=0, microsecond=0)
            counts[inbox_id, hour][column] += 1
            key = (inbox_id, column)
            last[key] = max(last.get(key, event.occurred_at), event.occurred_at)
        for (inbox_id, hour), columns in counts.items():
            row, _created = ChannelTraffic.objects.get_or_create(inbox_id=inbox_id, hour=hour)
            ChannelTraffic.objects.filter(pk=row.pk).update(
                **{column: F(column) + count for column, count in columns.items()}
            )
        for (inbox_id, column), moment in last.items():
            if column != "failed":
                _note_last(inbox_id, "last_in_at" if column == "received" else "last_out_at", moment)


def _note_last(inbox_id: int, column: str, moment: datetime) -> None:
    health, _created = ChannelHealth.objects.get_or_create(inbox_id=inbox_id)
    if getattr(health, column) is None:
        setattr(health, column, moment)
        health.save(update_fields=[column])
        return
    ChannelHealth.objects.filter(pk=inbox_id).update(**{column: Greatest(F(column), moment)})
