"""Who acts. Upper apps pass their own viewer objects; the ground only needs kind, id and the door they came through."""

from dataclasses import dataclass
from typing import Protocol


class Actor(Protocol):
    """What an event records about the one who acts: a kind (``staff``, ``api_key``, ``contact``, ``system``), an id."""

    @property
    def actor_kind(self) -> str: ...
    @property
    def actor_id(self) -> int | None: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class SystemActor:
    """The product itself, acting from a task or a command."""

    source: str = "system"
    actor_kind: str = "system"
    actor_id: int | None = None


SYSTEM = SystemActor()
# The source of events that tell what happened elsewhere, before this product: no subscriber reacts, no page is told.
HISTORY = "history"
