"""Keep the hourly values of features that cannot be computed again, and forget those that nobody asks for any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from ml.features.views import KeptView, Value, feature_views
from ml.models import FeatureValue
from people.viewer import Viewer

HOUR = timedelta(hours=1)
# How far back a view is measured that has no values yet: the log knows the past, too.
FIRST_DAYS = timedelta(days=90)
SLICE = timedelta(days=7)
KEPT = timedelta(days=400)


def materialise_features(*, by: Viewer, now: datetime | None = None, until: datetime | None = None) -> int:
    """Measure every full hour that has passed since the newest kept value; returns how many values were written.

    Works in slices of a week and stops after one when ``until`` has passed; the next call goes on. Repeating it changes
    nothing. Raises PermissionDenied without ``ml.manage``.
    """
    by.require("ml.manage")
    moment = now or timezone.now()
    last = moment.replace(minute=0, second=0, microsecond=0)
    written = 0
    for view in feature_views:
        if not isinstance(view, KeptView):
            continue
        start = _first_hour(view, last)
        while start <= last:
            end = min(last, start + SLICE - HOUR)
            written += _measure(
                view, [start + number * HOUR for number in range(int((end - start) / HOUR) + 1)]
            )
            start = end + HOUR
            if until is not None and timezone.now() >= until:
                return written
    _forget(moment)
    return written


def _first_hour(view: KeptView, last: datetime) -> datetime:
    versions = {one.name: one.version for one in view.definitions()}
    newest = FeatureValue.objects.filter(feature__in=versions, version__in=set(versions.values())).aggregate(
        at=Max("as_of")
    )["at"]
    return last - FIRST_DAYS if newest is None else newest + HOUR


def _measure(view: KeptView, moments: Sequence[datetime]) -> int:
    versions = {one.name: one.version for one in view.definitions()}
    known = _newest(view, versions, moments[0])
    rows = []
    measured = view.measure(moments)
    for moment in moments:
        found: dict[tuple[str, int], Value] = {
            (f"{view.entity}.{name}", entity): value
            for entity, values in measured.get(moment, {}).items()
            for name, value in values.items()
        }
        # A subject that has none any more has none, not its last one.
        found |= {key: None for key, (value, _at) in known.items() if key not in found and value is not None}
        for key, value in found.items():
            before = known.get(key)
            if (
                before is not None
                and before[0] == value
                and (value is None or moment - before[1] < view.lives / 2)
            ):
                continue
            known[key] = value, moment
            rows.append(
                FeatureValue(
                    feature=key[0], version=versions[key[0]], entity_id=key[1], as_of=moment,
                    available_at=moment, value=value,
                )
            )  # fmt: skip
    FeatureValue.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    return len(rows)


def _newest(
    view: KeptView, versions: Mapping[str, int], before: datetime
) -> dict[tuple[str, int], tuple[Value, datetime]]:
    rows = FeatureValue.objects.filter(
        feature__in=versions, as_of__gte=before - view.lives, as_of__lt=before
    ).order_by("as_of")
    return {
        (name, entity_id): (value, as_of)
        for name, version, entity_id, value, as_of in rows.values_list(
            "feature", "version", "entity_id", "value", "as_of"
        )
        if versions[name] == version
    }


def _forget(now: datetime) -> None:
    FeatureValue.objects.filter(as_of__lt=now - KEPT).delete()
