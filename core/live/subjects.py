"""Who may hear about what: one part per subject kind, in ``<app>/live.py``."""

from collections.abc import Collection
from typing import Any

from core.registry import Part, Registry


class LiveSubject(Part):
    """Decides visibility for one kind of stream (``ticket``, ``account``, ``user`` …); the key is the kind."""

    def visible_ids(self, viewer: Any, ids: Collection[int]) -> set[int]:
        """Return those of ``ids`` that the viewer may see, with one query."""
        raise NotImplementedError


live_subjects: Registry[LiveSubject] = Registry(LiveSubject, "live")
