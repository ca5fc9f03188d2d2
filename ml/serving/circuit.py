"""A breaker per version: after five failures in a row it opens, and the version is left alone for a minute.

Then one call may try; a success closes the breaker, a failure opens it for another minute. State of the process, not of the
installation: what a version does to others is seen in the stored predictions.
"""

from __future__ import annotations

import time

FAILURES = 5
OPEN_SECONDS = 60.0

_failures: dict[int, int] = {}
_open_until: dict[int, float] = {}
_last: dict[int, str] = {}


def may_try(version_id: int) -> bool:
    """Whether the version may be asked now."""
    return time.monotonic() >= _open_until.get(version_id, 0.0)


def note_success(version_id: int) -> None:
    """Close the breaker."""
    _failures.pop(version_id, None)
    _open_until.pop(version_id, None)


def note_failure(version_id: int, failure: str) -> None:
    """Count a failure; the fifth in a row, and each one after it, opens the breaker."""
    _last[version_id] = failure
    _failures[version_id] = _failures.get(version_id, 0) + 1
    if _failures[version_id] >= FAILURES:
        _open_until[version_id] = time.monotonic() + OPEN_SECONDS


def last_failure(version_id: int) -> str:
    """What the version failed of last."""
    return _last.get(version_id, "")


def reset() -> None:
    """Forget everything; for tests and drills."""
    _failures.clear()
    _open_until.clear()
    _last.clear()
