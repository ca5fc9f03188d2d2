"""The one join: features of several entities as they were known at a moment, for training rows and for now alike.

Of kept values the newest counts whose moment and whose availability are both not after the moment asked for and that is not
older than its view lets it live; so data that arrived late cannot tell the past anything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml.features.views import FeatureView, KeptView, Point, Reading, Value, feature_views
from ml.models import FeatureValue


@dataclass(frozen=True)
class Ask:
    """What is asked about at a moment: ids by entity; an entity that is missing has no values."""

    at: datetime
    ids: Mapping[str, int | None]


@dataclass(frozen=True)
class FeatureRow:
    """Values by feature name, None where nothing is known, and when the newest fact behind them became available."""

    values: Mapping[str, Value]
    available_at: datetime | None


def features_as_of(names: Sequence[str], asks: Sequence[Ask]) -> list[FeatureRow]:
    """The features of each ask, in order; a fixed number of queries per view. Raises LookupError for an unknown name."""
    values: list[dict[str, Value]] = [dict.fromkeys(names) for _ask in asks]
    available: list[datetime | None] = [None] * len(asks)
    for view, wanted in _views_of(names):
        places: dict[Point, list[int]] = defaultdict(list)
        for place, ask in enumerate(asks):
            subject = ask.ids.get(view.entity)
            if subject is not None:
                places[Point(subject, ask.at)].append(place)
        points = list(places)
        readings = _kept(view, points, wanted) if isinstance(view, KeptView) else view.readings(points)
        for point, reading in zip(points, readings, strict=True):
            for place in places[point]:
                values[place].update((name, reading.values.get(name)) for name in wanted)
                available[place] = _later(available[place], reading.available_at)
    return [FeatureRow(row, at) for row, at in zip(values, available, strict=True)]


def _views_of(names: Sequence[str]) -> list[tuple[FeatureView, list[str]]]:
    found, left = [], set(names)
    for view in feature_views:
        own = [one.name for one in view.definitions() if one.name in left]
        if own:
            found.append((view, own))
            left -= set(own)
    if left:
        raise LookupError(f"no feature {', '.join(sorted(left))}")
    return found


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    known = [one for one in (first, second) if one is not None]
    return max(known, default=None)


def _kept(view: KeptView, points: Sequence[Point], names: Sequence[str]) -> list[Reading]:
    if not points:
        return []
    versions = {one.name: one.version for one in view.definitions()}
    rows = (
        FeatureValue.objects.filter(
            feature__in=names,
            entity_id__in={point.id for point in points},
            as_of__gte=min(point.at for point in points) - view.lives,
            as_of__lte=max(point.at for point in points),
        )
        .order_by("as_of")
        .values_list("feature", "version", "entity_id", "as_of", "available_at", "value")
    )
    histories: dict[tuple[str, int], list[tuple[datetime, datetime, Value]]] = defaultdict(list)
    for name, version, entity_id, as_of, available_at, value in rows.iterator(chunk_size=5000):
        if versions.get(name) == version:
            histories[name, entity_id].append((as_of, available_at, value))
    return [_reading(view, point, names, histories) for point in points]


def _reading(
    view: KeptView,
    point: Point,
    names: Sequence[str],
    histories: Mapping[tuple[str, int], list[tuple[datetime, datetime, Value]]],
) -> Reading:
    values: dict[str, Value] = {}
    available: datetime | None = None
    for name in names:
        history = histories.get((name, point.id), [])
        for as_of, available_at, value in reversed(
            history[: bisect_right(history, point.at, key=lambda row: row[0])]
        ):
            if point.at - as_of > view.lives:
                break
            if available_at <= point.at:
                values[name] = value
                available = _later(available, available_at)
                break
    return Reading(values, available)
