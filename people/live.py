"""Live streams of people: a person hears about itself only."""

from collections.abc import Collection
from typing import Any

from core.live.subjects import LiveSubject


class UserStream(LiveSubject):
    """Notifications and presence of one user."""

    key = "user"

    def visible_ids(self, viewer: Any, ids: Collection[int]) -> set[int]:
        """Return the viewer's own id, when asked for."""
        return {viewer.user_id} & set(ids)
