"""Which subjects meet the challenger: the same ones every time, and more of them, never others, when its share grows."""

from __future__ import annotations

import hashlib


def place(task: str, subject_id: int) -> float:
    """A number in [0, 100) that belongs to the subject of a task for good."""
    digest = hashlib.sha256(f"{task}:{subject_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100


def meets_canary(task: str, subject_id: int | None, share: int) -> bool:
    """Whether a subject is among the ``share`` percent; an item without a subject never is."""
    return subject_id is not None and place(task, subject_id) < share
