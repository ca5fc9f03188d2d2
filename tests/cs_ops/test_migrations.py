"""A migration that stands for others: a new installation, which runs it, gets what an old one got from them."""

from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

OURS = {config.label for config in apps.get_app_configs() if not config.name.startswith("django.")}
SHORT = sorted(
    key
    for key, migration in MigrationLoader(None, replace_migrations=False).disk_migrations.items()
    if key[0] in OURS and migration.replaces
)


def models_of(app: str, state: ProjectState) -> dict[str, Any]:
    """All that the migrations say of the models of an app."""
    told = MigrationAutodetector(state, state).deep_deconstruct
    return {
        name: {
            "fields": {field: told(value) for field, value in model.fields.items()},
            "options": {
                option: sorted(map(repr, value)) if option in ("indexes", "constraints") else told(value)
                for option, value in model.options.items()
            },
            "bases": model.bases,
            "managers": told(model.managers),
        }
        for (label, name), model in state.models.items()
        if label == app
    }


def test_something_stands_for_others() -> None:
    assert SHORT


@pytest.mark.parametrize(("app", "name"), SHORT)
def test_it_makes_the_same_tables_as_those_it_stands_for(app: str, name: str) -> None:
    each = MigrationLoader(None, replace_migrations=False)
    replaced = each.disk_migrations[app, name].replaces
    by_one = MigrationLoader(None).project_state([(app, name)])
    by_many = each.project_state([key for key in replaced if key[0] == app])
    made = models_of(app, by_one)
    assert made.keys() == models_of(app, by_many).keys()
    for model, wanted in models_of(app, by_many).items():
        assert made[model] == wanted, model
