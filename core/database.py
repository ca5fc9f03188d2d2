"""How the database treats the commits of this process, and whose turn it is to write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

# SQLite lets a writer that finds the database taken sleep up to 100 ms between two looks.
LOOK_AGAIN_SECONDS = 0.002


def flush_this_commit_later() -> None:
    """The commit of the caller's transaction does not wait until it is on the disk of PostgreSQL; elsewhere this does nothing.

    It is seen by everybody at once, and any later commit that waits has it on the disk before itself. Should the server fall
    over within a fraction of a second, the last such commits are undone, whole and in order. For work that is found and done
    again then, and that tells nobody outside the database.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # For this transaction: a setting of the session would stay behind with others where a pooler shares it.
            cursor.execute("SET LOCAL synchronous_commit TO off")


@contextmanager
def urgent_transaction() -> Iterator[None]:
    """A transaction whose caller somebody waits for: on SQLite, with its one writer at a time, it looks again after
    LOOK_AGAIN_SECONDS and so gets the next turn, before the workers that wait. Elsewhere a transaction like any other.

    Raises OperationalError after the time that any other one waits, too.
    """
    turn = transaction.atomic()
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        _begin_at_the_next_turn(turn)
    else:
        turn.__enter__()
    try:
        yield
    except BaseException as error:
        turn.__exit__(type(error), error, error.__traceback__)
        raise
    turn.__exit__(None, None, None)


def _begin_at_the_next_turn(turn: transaction.Atomic) -> None:
    patience = float(connection.settings_dict["OPTIONS"]["timeout"])
    until = time.monotonic() + patience
    _wait_at_most(0)
    try:
        while True:
            try:
                turn.__enter__()
            except OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_AGAIN_SECONDS)
            else:
                return
    finally:
        _wait_at_most(patience)


def _wait_at_most(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
