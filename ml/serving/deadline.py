"""Calls with a time limit: who waits goes on when it is over, the call itself ends when it ends.

Python cannot stop a thread, so a call that hangs keeps its lane until it returns; the next one in this lane is refused at
once and no second thread piles up. Calls made here read no table: their thread has no database connection of the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class TooSlow(RuntimeError):
    """The call took longer than its limit, or an earlier one of the same lane still does."""


class _Call(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.done = threading.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.error = error
        self.done.set()


_lanes: dict[str, _Call[Any]] = {}


def within(seconds: float, lane: str, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, raise what it raises, or ``TooSlow`` after ``seconds``."""
    running = _lanes.get(lane)
    if running is not None and not running.done.is_set():
        raise TooSlow(f"{lane}: an earlier call has not returned yet")
    call = _Call(work)
    _lanes[lane] = call
    threading.Thread(target=call.run, name=f"ml-{lane}", daemon=True).start()
    if not call.done.wait(seconds):
        raise TooSlow(f"{lane}: no answer within {seconds:g} s")
    del _lanes[lane]
    if call.error is not None:
        raise call.error
    return call.result  # type: ignore[return-value]
