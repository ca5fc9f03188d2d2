"""Registries find parts by location and refuse what does not fit."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.registry import Part, Registry
from core.subscription import subscribers


class Fruit(Part):
    """Base of the test's parts."""


class Apple(Fruit):
    """A part."""

    key = "apple"


class OtherApple(Fruit):
    """Wants the same key."""

    key = "apple"


class Stone(Part):
    """Has the wrong base."""

    key = "stone"


def test_a_registry_gives_its_parts_by_key() -> None:
    fruits: Registry[Fruit] = Registry(Fruit, "no_such_folder")
    apple = fruits.add(Apple)
    assert fruits.get("apple") is apple
    assert "apple" in fruits
    assert [part.key for part in fruits] == ["apple"]
    assert fruits.add(Apple) is apple


def test_duplicates_wrong_bases_and_unknown_keys_are_refused() -> None:
    fruits: Registry[Fruit] = Registry(Fruit, "no_such_folder")
    fruits.add(Apple)
    with pytest.raises(ImproperlyConfigured, match="is taken"):
        fruits.add(OtherApple)
    with pytest.raises(ImproperlyConfigured, match="is no Fruit"):
        fruits.add(Stone)  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="known: apple"):
        fruits.get("pear")


def test_every_subscriber_wants_declared_verbs() -> None:
    from core.events import event_types

    declared = {kind.verb for kind in event_types()}
    for subscriber in subscribers:
        assert subscriber.verbs <= declared, subscriber.key
        assert subscriber.queue in {"events", "ml", "channels"}
