"""Live streams of the operations pages: jobs, outbox, parked events."""

from collections.abc import Collection
from typing import Any

from core.live.subjects import LiveSubject


class JobStream(LiveSubject):
    """Jobs, for those who may look at operations."""

    key = "job"

    def visible_ids(self, viewer: Any, ids: Collection[int]) -> set[int]:
        """Return all of them or none."""
        return set(ids) if viewer.can("operations.view") else set()


class OutboundStream(JobStream):
    """Outbound rows that belong to no ticket and no account."""

    key = "outbound"


class DeadLetterStream(JobStream):
    """Parked events."""

    key = "dead_letter"
