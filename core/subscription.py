"""What a subscriber is. Delivery (positions, retries, dead letters) is core.delivery's business."""

from collections.abc import Sequence
from typing import Any, ClassVar

from core.models import Event
from core.registry import Label, Part, Registry


class NotReady(Exception):
    """What a subscriber needs is missing for now (a model, a service): nothing is parked, everything waits."""


class Subscriber(Part):
    """Reacts to committed events in their order, in two halves.

    ``prepare`` runs outside any transaction, may be slow (inference), must be repeatable and may raise NotReady. ``apply``
    runs in one short transaction that also moves the position, so its database effects happen once. Events arrive with
    ``detail`` loaded. Order holds per stream (ticket, else account); with ``shards`` > 1 streams are spread over shards.
    """

    label: ClassVar[Label] = ""
    verbs: ClassVar[frozenset[str]] = frozenset()
    queue: ClassVar[str] = "events"
    shards: ClassVar[int] = 1
    batch_size: ClassVar[int] = 50
    replayable: ClassVar[bool] = True

    def prepare(self, events: Sequence[Event]) -> Any:
        """Compute what ``apply`` needs; the default needs nothing."""
        return None

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Write the effects of the events; raises to have the batch retried event by event."""
        raise NotImplementedError


subscribers: Registry[Subscriber] = Registry(Subscriber, "subscribers")


def queues_for(verb: str) -> set[str]:
    """Return the Celery queues whose subscribers want ``verb``."""
    return {subscriber.queue for subscriber in subscribers if verb in subscriber.verbs}
