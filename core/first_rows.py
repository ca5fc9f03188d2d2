"""The rows the ground cannot do without; put in place after every migration (and after a flush)."""

from typing import Any

from core.models import Sequencer, SubscriberPosition
from core.sequencing import sequence_events
from core.subscription import subscribers


def put_first_rows(**_: Any) -> None:
    """Start the order of events at 0, and subscribers that are new here where they belong.

    One that can be replayed begins with the first event and so makes up for its absence. One that cannot (it tells people,
    writes to customers) begins now: what happened before it came is over.
    """
    Sequencer.objects.get_or_create(pk=1)
    head = sequence_events()
    for subscriber in subscribers:
        if not subscriber.replayable:
            for shard in range(subscriber.shards):
                SubscriberPosition.objects.get_or_create(
                    subscriber=subscriber.key, shard=shard, defaults={"seq": head}
                )
