"""The database of the tests: migrated once in a run, by whichever worker of pytest-xdist comes first; each other takes a copy.

``tests/conftest.py`` imports the fixture. The one that is copied goes when the last copy has gone; one that a killed run left
behind is made anew by the next.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from django.conf import settings
from django.db import connection


@contextmanager
def _copies(path: Path) -> Iterator[IO[str]]:
    """The file with the number of copies that are in use, for one worker at a time."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _count(file: IO[str]) -> int:
    file.seek(0)
    return int(file.read() or 0)


def _note(file: IO[str], number: int) -> None:
    file.truncate(0)
    file.write(str(number))
    file.flush()


def _use(name: str) -> None:
    """Let the connections of all threads mean this database."""
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _forget_journals(name: str) -> None:
    """Remove what a killed run wrote beside a file of SQLite: it would be taken for a part of the new one."""
    if connection.vendor == "sqlite":
        for ending in ("-wal", "-shm"):
            Path(name + ending).unlink(missing_ok=True)


def _create(name: str) -> None:
    _forget_journals(name)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """The database that the tests of this process use (instead of pytest-django's, which migrates in every worker)."""
    worker = getattr(request.config, "workerinput", {}).get("workerid")
    own, creation = str(connection.settings_dict["NAME"]), connection.creation
    if worker is None:
        with django_db_blocker.unblock():
            _create(creation._get_test_db_name())
        yield
        with django_db_blocker.unblock():
            creation.destroy_test_db(own, verbosity=0)
        return
    # A name of its own, so that a single test may run beside a run of all.
    stem, ending = os.path.splitext(creation._get_test_db_name())  # noqa: PTH122 - the name of a database, too
    source = connection.settings_dict["TEST"]["NAME"] = f"{stem}_shared{ending}"
    ledger = tmp_path_factory.getbasetemp().parent / "copies-of-the-database"
    with django_db_blocker.unblock(), _copies(ledger) as file:
        if (number := _count(file)) == 0:
            _create(source)
        _use(source)
        copy = str(creation.get_test_db_clone_settings(worker)["NAME"])
        _forget_journals(copy)
        creation.clone_test_db(worker, verbosity=0, autoclobber=True)
        _note(file, number + 1)
        _use(copy)
    yield
    with django_db_blocker.unblock(), _copies(ledger) as file:
        _note(file, number := _count(file) - 1)
        creation.destroy_test_db(own, verbosity=0)
        if number == 0:
            _use(source)
            creation.destroy_test_db(own, verbosity=0)
