"""Marks the tests of models that touch no database: they compute the same beside every one, so once is enough."""

from pathlib import Path

import pytest
from django.test import SimpleTestCase

HERE = Path(__file__).parent
DATABASE = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the mark ``computes`` to tests below this folder that neither ask for a database nor hold one."""
    for item in items:
        if not item.path.is_relative_to(HERE) or item.get_closest_marker("django_db"):
            continue
        owner = getattr(item, "cls", None)
        if owner is not None and issubclass(owner, SimpleTestCase):
            continue
        if DATABASE.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("computes")
