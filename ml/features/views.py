"""Views: the features of one entity that are read together, each with its definition.

A view computes from facts that carry both when they happened and when they were recorded, or, where computing again would
read the whole log, its values are kept hourly (``KeptView``). Either way a value is what was known at the moment asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured

from core.registry import Label, Part, Registry

Entity = Literal["ticket", "account", "contact", "agent", "team"]
Kind = Literal["number", "word", "flag"]
Value = float | int | str | bool | None


@dataclass(frozen=True)
class Definition:
    """What a feature is. ``name`` is ``<entity>.<name>``; a change of meaning is a new ``version``.

    ``lookback`` is how far back it looks, None: to the beginning. ``kept``: values are stored hourly.
    """

    name: str
    version: int
    entity: Entity
    dtype: Kind
    description: Label
    owner: str
    sources: tuple[str, ...]
    lookback: timedelta | None = None
    kept: bool = False


@dataclass(frozen=True)
class Point:
    """A subject at a moment."""

    id: int
    at: datetime


@dataclass(frozen=True)
class Reading:
    """Values by feature, and when the newest fact behind them became available; None when nothing is behind them."""

    values: Mapping[str, Value] = field(default_factory=dict)
    available_at: datetime | None = None


@dataclass(frozen=True)
class _Declared:
    version: int
    dtype: Kind
    description: Label
    lookback: timedelta | None


def feature(
    *, dtype: Kind, description: Label, version: int = 1, lookback: timedelta | None = None
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Declare a method of a view as a feature; it gets what the view knows of one point and gives the value."""

    def declare(method: Callable[..., Value]) -> Callable[..., Value]:
        method.declared = _Declared(version, dtype, description, lookback)  # type: ignore[attr-defined]
        return method

    return declare


class FeatureView(Part):
    """Features of one entity, computed from the same facts. ``owner`` answers for them; ``sources`` are what they read."""

    entity: ClassVar[Entity]
    owner: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()

    def definitions(self) -> Sequence[Definition]:
        """The features in the order of their declaration."""
        found = []
        for base in reversed(type(self).__mro__):
            for name, method in vars(base).items():
                declared: _Declared | None = getattr(method, "declared", None)
                if declared is not None:
                    found.append(
                        self.define(
                            name, declared.version, declared.dtype, declared.description, declared.lookback
                        )
                    )
        return found

    def define(
        self, name: str, version: int, dtype: Kind, description: Label, lookback: timedelta | None = None
    ) -> Definition:
        """A definition with what the view says for all of its features."""
        return Definition(
            name=f"{self.entity}.{name}",
            version=version,
            entity=self.entity,
            dtype=dtype,
            description=description,
            owner=self.owner,
            sources=self.sources,
            lookback=lookback,
            kept=isinstance(self, KeptView),
        )

    def example(self) -> int | None:
        """A subject whose values show what the features look like; kept values show themselves."""
        return None

    def states(self, points: Sequence[Point]) -> Sequence[Any]:
        """What is known about each point, from a number of queries that does not grow with them; None: nothing.

        A state has ``available_at``, when its newest fact became available; facts recorded after the point's moment are
        not part of it.
        """
        raise NotImplementedError

    def readings(self, points: Sequence[Point]) -> list[Reading]:
        """The values at each point, in order."""
        methods = {one.name: getattr(self, one.name.partition(".")[2]) for one in self.definitions()}
        return [
            Reading()
            if state is None
            else Reading({name: read(state) for name, read in methods.items()}, state.available_at)
            for state in self.states(points)
        ]


class KeptView(FeatureView):
    """Features whose values are kept, measured for all subjects at once at every full hour.

    A value counts for ``lives`` after its moment; it is stored again when it changes, and at least every half of that.
    """

    lives: ClassVar[timedelta] = timedelta(hours=6)

    def measure(self, moments: Sequence[datetime]) -> Mapping[datetime, Mapping[int, Mapping[str, Value]]]:
        """Values by moment, subject and name (without the entity), of every subject that has any; moments ascend."""
        raise NotImplementedError


feature_views: Registry[FeatureView] = Registry(FeatureView, "features")


def definitions() -> dict[str, Definition]:
    """Every feature by name; raises ImproperlyConfigured when two views define one."""
    found: dict[str, Definition] = {}
    for view in feature_views:
        for one in view.definitions():
            if one.name in found:
                raise ImproperlyConfigured(f"two views define the feature {one.name}")
            found[one.name] = one
    return found


def versions_of(names: Sequence[str]) -> dict[str, int]:
    """The present version of each; raises LookupError naming an unknown feature."""
    known = definitions()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise LookupError(f"no feature {', '.join(unknown)}")
    return {name: known[name].version for name in sorted(names)}


def changed_since(versions: Mapping[str, int]) -> list[str]:
    """Which of these features mean something else by now, or are gone."""
    known = definitions()
    return sorted(
        name for name, number in versions.items() if name not in known or known[name].version != number
    )
