"""The sequencer: gives committed events one gap-free order.

An event's id is taken before its transaction commits, so ids are not commit order on PostgreSQL. Under the lock of the
one ``Sequencer`` row, every committed event without a place gets the next ``seq``; readers use ``seq`` only.
"""

from django.db import transaction

from core.models import EventPosition, Sequencer

BATCH = 500


def sequence_events() -> int:
    """Give every committed event its place and return the last ``seq``."""
    if not EventPosition.objects.filter(seq=None).exists():
        return last_seq()
    while True:
        with transaction.atomic():
            sequencer = Sequencer.objects.select_for_update().get(pk=1)
            waiting = list(EventPosition.objects.filter(seq=None).order_by("event_id")[:BATCH])
            for offset, position in enumerate(waiting, start=1):
                position.seq = sequencer.last_seq + offset
            if waiting:
                EventPosition.objects.bulk_update(waiting, ["seq"], batch_size=250)
                sequencer.last_seq += len(waiting)
                sequencer.save(update_fields=["last_seq"])
        if len(waiting) < BATCH:
            return sequencer.last_seq


def last_seq() -> int:
    """Return the last ``seq`` given out, 0 in an empty log."""
    return Sequencer.objects.values_list("last_seq", flat=True).get(pk=1)
