"""The indexes for letters within names are a help, not a need."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from customers.models import Account

letters = import_module("customers.migrations.0003_letters_within_names")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the indexes are PostgreSQL's")
def test_a_database_that_refuses_the_indexes_is_migrated_all_the_same(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "COLUMNS", (("customers_account", "not_there"),))
    with connection.schema_editor() as editor:
        letters.add(apps, editor)
        assert not Account.objects.exists(), "the transaction goes on"
