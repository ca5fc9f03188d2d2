"""Registries: fixed extension points whose parts are found by location.

An app declares a registry in its ``registry.py``::

    class Signal(Part): ...
    signals: Registry[Signal] = Registry(Signal, "signals")

A part is one concrete subclass in ``<any app>/signals/<name>.py`` (or in a module ``<any app>/signals.py``). No list
names it: ``discover_all`` imports the locations, checks the classes and refuses duplicates when the process starts.
Keys are stored as strings, so a new part needs no migration.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import ClassVar, Generic, TypeVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

Label = str | Promise


class Part:
    """Base of every registered part. ``key`` is stored in rows; an empty key marks an abstract base."""

    key: ClassVar[str] = ""


P = TypeVar("P", bound=Part)

_registries: list["Registry"] = []  # type: ignore[type-arg]


class Registry(Generic[P]):
    """The parts of one extension point by key, in the order of their keys.

    ``base`` is the class a part must derive from; ``location`` the module or folder name searched in every app. A folder of
    a part's own holds it in its ``__init__``, or in the module ``entry`` when the registry names one.
    Parts are instantiated once per process and must keep no state about a request.
    """

    def __init__(self, base: type[P], location: str, *, entry: str = "") -> None:
        self.base = base
        self.location = location
        self.entry = entry
        self._parts: dict[str, P] = {}
        _registries.append(self)

    def add(self, cls: type[P]) -> P:
        """Register one part class and return its instance; raises ImproperlyConfigured on a duplicate or wrong base."""
        if not issubclass(cls, self.base):
            raise ImproperlyConfigured(f"{cls.__qualname__} is no {self.base.__name__}")
        if not cls.key:
            raise ImproperlyConfigured(f"{cls.__module__}.{cls.__qualname__} has no key")
        present = self._parts.get(cls.key)
        if present is not None:
            if type(present) is cls:
                return present
            raise ImproperlyConfigured(
                f"{self.location}: key {cls.key!r} of {cls.__module__} is taken by {type(present).__module__}"
            )
        part = cls()
        self._parts[cls.key] = part
        return part

    def get(self, key: str) -> P:
        """Return the part with this key; raises LookupError naming the known keys."""
        try:
            return self._parts[key]
        except KeyError:
            raise LookupError(
                f"no {self.location} part {key!r}; known: {', '.join(sorted(self._parts))}"
            ) from None

    def __contains__(self, key: object) -> bool:
        return key in self._parts

    def __iter__(self) -> Iterator[P]:
        return iter([self._parts[key] for key in sorted(self._parts)])

    def __len__(self) -> int:
        return len(self._parts)

    def choices(self) -> list[tuple[str, str]]:
        """Return (key, label) pairs for forms; a part without a label shows its key."""
        return [(part.key, str(getattr(part, "label", part.key))) for part in self]

    @contextmanager
    def temporarily(self, cls: type[P]) -> Iterator[P]:
        """Add a part for the length of a ``with`` block; for tests."""
        part = self.add(cls)
        try:
            yield part
        finally:
            del self._parts[cls.key]

    def discover(self) -> None:
        """Import the location in every installed app and register the concrete parts defined there."""
        for config in apps.get_app_configs():
            for module in _modules(f"{config.name}.{self.location}", self.entry):
                for cls in vars(module).values():
                    if (
                        inspect.isclass(cls)
                        and issubclass(cls, self.base)
                        and cls is not self.base
                        and cls.__module__ == module.__name__
                        and cls.key
                        and not inspect.isabstract(cls)
                    ):
                        self.add(cls)


def _modules(name: str, entry: str) -> Iterator[ModuleType]:
    """Yield the module called ``name`` and, when it is a package, the modules and packages right below it; of packages the
    module ``entry``, when it is given."""
    parent = name.rpartition(".")[0]
    if find_spec(parent) is None or find_spec(name) is None:
        return
    module = importlib.import_module(name)
    yield module
    for info in sorted(pkgutil.iter_modules(getattr(module, "__path__", [])), key=lambda info: info.name):
        inner = f"{name}.{info.name}.{entry}" if entry and info.ispkg else f"{name}.{info.name}"
        if inner.count(".") == name.count(".") + 1 or find_spec(inner) is not None:
            yield importlib.import_module(inner)


def discover_all() -> None:
    """Load every app's ``registry.py``, then scan the locations of all registries found."""
    for config in apps.get_app_configs():
        if find_spec(f"{config.name}.registry") is not None:
            importlib.import_module(f"{config.name}.registry")
    for registry in list(_registries):
        registry.discover()
