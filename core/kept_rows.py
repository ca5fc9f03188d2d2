"""Small tables that every request reads and hardly anybody changes (statuses, promises, inboxes), kept in the process.

A change in this process is seen at once, one in another process after some seconds: whoever must not be late reads the table
itself. What is kept is shared between requests, so nobody may change the instances.
"""

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models.signals import post_delete, post_save

T = TypeVar("T")

KEEP_SECONDS = 2.0
# For names, which may be late.
KEEP_LONG_SECONDS = 60.0

_all: list["KeptRows[Any]"] = []


class KeptRows(Generic[T]):
    """What ``read`` returns, read again after a change of ``tables`` here or when it is older than ``seconds``."""

    def __init__(
        self, read: Callable[[], T], *tables: type[models.Model], seconds: float = KEEP_SECONDS
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._kept: tuple[float, T] | None = None
        for table in tables:
            post_save.connect(self._changed, sender=table, weak=False)
            post_delete.connect(self._changed, sender=table, weak=False)
        _all.append(self)

    def get(self) -> T:
        """Return the rows."""
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > self._seconds:
            kept = self._kept = (time.monotonic(), self._read())
        return kept[1]

    def forget(self) -> None:
        """Read again next time."""
        self._kept = None

    def _changed(self, **_signal: Any) -> None:
        self.forget()


class KeptNames(KeptRows[dict[int, str]]):
    """The names of the rows of a small table by their primary key, for lists; they may be KEEP_LONG_SECONDS late."""

    def __init__(self, read: Callable[[], dict[int, str]], table: type[models.Model]) -> None:
        super().__init__(read, table, seconds=KEEP_LONG_SECONDS)

    def name(self, pk: int | None) -> str:
        """Return the name of a row, "" for none; a row that is newer than what is kept is read."""
        if pk is None:
            return ""
        if pk not in self.get():
            self.forget()
        return self.get().get(pk, "")


def forget_all() -> None:
    """Forget every table that is kept; for tests, whose databases change behind the back of the process."""
    for kept in _all:
        kept.forget()
