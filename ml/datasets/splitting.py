"""Which rows measure a model: the newest, from conversations and in words that the rows it learned from do not hold.

A help desk predicts tomorrow from yesterday, so a random split flatters it. A conversation, an account or a text that stands
on both sides would be remembered, not understood: such rows are left out of what the trial model learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.datasets.near_duplicates import groups_of_near_duplicates
from ml.datasets.rows import Example

HELD_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """``train`` is older than ``since``, ``held`` is not; ``left_out`` rows shared a group with ``held`` or had no known outcome
    yet, and ``near_duplicates`` said almost the same as one of it."""

    train: Sequence[Example]
    held: Sequence[Example]
    since: datetime
    left_out: int
    near_duplicates: int = 0

    def summary(self) -> dict[str, Any]:
        """The figures of the split, for people."""
        return {
            "kind": "time-forward",
            "since": self.since.isoformat(),
            "train_rows": len(self.train),
            "held_out_rows": len(self.held),
            "left_out_rows": self.left_out,
            "near_duplicate_rows": self.near_duplicates,
        }


def split_forward(examples: Sequence[Example], share: float = HELD_SHARE) -> Split:
    """Hold out the newest ``share`` of rows that are ordered by time; at least one row stays on either side."""
    cut = min(len(examples) - 1, max(1, round(len(examples) * (1 - share))))
    older, held = examples[:cut], examples[cut:]
    groups = {example.group for example in held if example.group}
    since = held[0].at
    copies = groups_of_near_duplicates([example.text for example in examples])
    measured = set(copies[cut:])
    apart = [
        (example, copy in measured)
        for example, copy in zip(older, copies[:cut], strict=True)
        if example.group not in groups and (example.known_at is None or example.known_at <= since)
    ]
    train = [example for example, copied in apart if not copied]
    return Split(train, held, since, len(older) - len(apart), len(apart) - len(train))
