"""Who wins when a field differs on both sides. Pure: no database, no clock.

Each linked field remembers its *base*: what both sides held when they were last in step, ours and theirs apart, since a system
may store what it is given in another form (cut off, rounded). So an echo of our own write, and a repeated record, change nothing.

| owner | a side changed | both changed, to different values |
|---|---|---|
| crm | theirs holds | theirs holds |
| us | ours holds | ours holds |
| newest | the side that changed holds | the later change holds; of equal times theirs |
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

CRM, US, NEWEST = "crm", "us", "newest"


class Holds(Enum):
    """Whose value holds."""

    BOTH = "both"  # they are in step; nothing is written
    THEIRS = "crm"
    OURS = "us"


@dataclass(frozen=True)
class Base:
    """What each side held when they were last in step."""

    ours: str
    theirs: str


@dataclass(frozen=True)
class Decision:
    """Whose value holds, and whether that overrules a change of the other side."""

    holds: Holds
    is_conflict: bool = False


def decide(
    *,
    owner: str,
    ours: str,
    theirs: str,
    base: Base | None,
    ours_at: Callable[[], datetime],
    theirs_at: datetime,
) -> Decision:
    """Return whose value holds. ``ours_at`` is asked only where times decide; ``base`` is None at first sight."""
    if ours == theirs:
        return Decision(Holds.BOTH)
    if base is None:
        return _first_sight(owner, ours, theirs, ours_at, theirs_at)
    we_changed, they_changed = ours != base.ours, theirs != base.theirs
    if not (we_changed or they_changed):
        return Decision(Holds.BOTH)
    if owner == CRM:
        return Decision(Holds.THEIRS, is_conflict=we_changed)
    if owner == US:
        return Decision(Holds.OURS, is_conflict=they_changed)
    if we_changed and they_changed:
        return Decision(_later(ours_at(), theirs_at), is_conflict=True)
    return Decision(Holds.OURS if we_changed else Holds.THEIRS)


def _first_sight(
    owner: str, ours: str, theirs: str, ours_at: Callable[[], datetime], theirs_at: datetime
) -> Decision:
    """Nothing is known of the past: the owner's value holds; with ``newest`` a value before none, then the later one."""
    is_conflict = bool(ours and theirs)
    if owner == CRM:
        return Decision(Holds.THEIRS, is_conflict)
    if owner == US:
        return Decision(Holds.OURS, is_conflict)
    if not is_conflict:
        return Decision(Holds.OURS if ours else Holds.THEIRS)
    return Decision(_later(ours_at(), theirs_at), is_conflict=True)


def _later(ours_at: datetime, theirs_at: datetime) -> Holds:
    return Holds.OURS if ours_at > theirs_at else Holds.THEIRS
