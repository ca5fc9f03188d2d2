"""How the database treats the commits of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def commits_flushed_later() -> Iterator[None]:
    """Commits inside do not wait until they are on the disk of PostgreSQL; elsewhere this does nothing.

    They are seen by everybody at once, and any later commit that waits has them on the disk before itself. Should the server
    fall over within a fraction of a second, the last of them are undone, whole and in order. For work that is found and done
    again then, and that tells nobody outside the database.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        # A broken connection has nothing to set back.
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SET synchronous_commit TO DEFAULT")
