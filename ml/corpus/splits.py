"""Dividing rows into training, validation and measuring by the hash of a group: the same everywhere, and no group is cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Row = TypeVar("Row")


def share_of(group: str) -> float:
    """A number in [0, 1) that depends on the group alone; splits compare it with their shares."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64


def _own_group(row: Any) -> str:
    return str(row.group)


def split_by_group(
    rows: Iterable[Row],
    validation: float = 0.1,
    test: float = 0.2,
    key: Callable[[Row], str] = _own_group,
) -> tuple[list[Row], list[Row], list[Row]]:
    """Divide rows into (training, validation, test) by the hash of their group; shares are fractions of groups."""
    parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
    for row in rows:
        position = share_of(key(row))
        parts[2 if position < test else 1 if position < test + validation else 0].append(row)
    return parts
