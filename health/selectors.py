"""Reads of health: an account's latest score in words, its history, its churn estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account
from health.attribution import METHOD
from health.churn.features import FEATURES
from health.models import HealthSnapshot, LensSnapshot
from health.overriding import OVERRIDE
from health.registry import Group, knock_outs, signals
from health.scoring import LOW_PREFIX
from people.viewer import Viewer

HISTORY_DAYS = 365
# Lines with less than this do not show; the rest is told as one line, so that what is shown still adds up.
LEAST_POINTS = 0.5


@dataclass(frozen=True)
class PartLine:
    """A signal of a score as people read it. ``n`` None: not counted, ``missing`` says why."""

    key: str
    label: str
    group: str
    n: float | None
    share: float
    freshness: float
    seen: str
    missing: str


@dataclass(frozen=True)
class ChangeLine:
    """Points that a signal, a cap or everything else moved the score by."""

    key: str
    label: str
    seen: str
    points: float


@dataclass(frozen=True)
class DriverLine:
    """Percentage points that a feature adds to the churn probability."""

    key: str
    label: str
    seen: str
    points: float


def latest_snapshot(account: Account, viewer: Viewer) -> HealthSnapshot | None:
    """Return the newest score of an account the viewer may see the health of, else None."""
    if not viewer.can("health.view"):
        return None
    return HealthSnapshot.objects.filter(account=account).order_by("-as_of").first()


def latest_lenses(account: Account, viewer: Viewer) -> list[LensSnapshot]:
    """Return the newest score of each further lens, of the last week, in the order of the lenses' keys."""
    if not viewer.can("health.view"):
        return []
    since = timezone.now().date() - timedelta(days=7)
    rows = LensSnapshot.objects.filter(account=account, as_of__gt=since).order_by("as_of")
    newest = {row.lens: row for row in rows}
    return [newest[lens] for lens in sorted(newest)]


def score_history(
    account: Account, viewer: Viewer, *, days: int = HISTORY_DAYS, until: date | None = None
) -> list[tuple[date, float, str]]:
    """Return (day, score, band) of the last ``days``, oldest first; days without a score are left out."""
    if not viewer.can("health.view"):
        return []
    last = until or timezone.now().date()
    rows = (
        HealthSnapshot.objects.filter(account=account, as_of__gt=last - timedelta(days=days), as_of__lte=last)
        .exclude(score=None)
        .order_by("as_of")
        .values_list("as_of", "score", "band")
    )
    return [(day, score or 0.0, band) for day, score, band in rows]


def part_lines(snapshot: HealthSnapshot) -> list[PartLine]:
    """Return the signals of a score by group, the heaviest first; those without data too."""
    lines = [_part_line(part) for part in snapshot.parts]
    order = {group: place for place, group in enumerate(Group.values)}
    return sorted(lines, key=lambda line: (order.get(line.group, 99), -line.share, line.key))


def missing_lines(snapshot: HealthSnapshot) -> list[tuple[str, str]]:
    """Return (signal, why) of those that did not count."""
    return [(line.label, line.missing) for line in part_lines(snapshot) if line.n is None]


def change_lines(snapshot: HealthSnapshot) -> list[ChangeLine]:
    """Return what moved the score since the snapshot it is compared with, strongest first; the sum is ``delta_30``.

    Value and weight effects of a signal are one line; what is too small to tell apart is the last line.
    """
    parts = {part["key"]: part for part in snapshot.parts}
    points: dict[str, float] = {}
    before: dict[str, float | None] = {}
    for change in snapshot.changes:
        points[change["key"]] = points.get(change["key"], 0.0) + change["points"]
        before.setdefault(change["key"], change["before"])
    lines = [
        ChangeLine(key, label_of(key), _change_seen(key, parts.get(key), before[key]), value)
        for key, value in points.items()
        if abs(value) >= LEAST_POINTS
    ]
    rest = sum(value for value in points.values() if abs(value) < LEAST_POINTS)
    lines.sort(key=lambda line: -abs(line.points))
    if abs(rest) >= 0.05:
        lines.append(ChangeLine("", _("Smaller changes"), "", rest))
    return lines


def driver_lines(snapshot: HealthSnapshot) -> list[DriverLine]:
    """Return what raises and lowers the churn probability, strongest first."""
    lines = []
    for driver in snapshot.drivers:
        feature = FEATURES.get(driver["key"])
        if feature is not None:
            seen = _("not known") if driver["value"] is None else feature.show(driver["value"])
            lines.append(DriverLine(driver["key"], str(feature.label), seen, driver["points"]))
    return lines


def cap_lines(snapshot: HealthSnapshot) -> list[tuple[str, float]]:
    """Return (what happened, highest score left) of the knock-outs that hold."""
    return [(label_of(cap["key"]), cap["ceiling"]) for cap in snapshot.knock_outs]


def label_of(key: str) -> str:
    """Return the name of a signal or knock-out; a part of a former version keeps its key."""
    if key in knock_outs:
        return str(knock_outs.get(key).label)
    if key == METHOD:
        return _("Another health card")
    if key == OVERRIDE:
        return _("Override")
    if key.startswith(f"{OVERRIDE}:"):
        return _("Override of “%(signal)s”") % {"signal": label_of(key.partition(":")[2])}
    if key.startswith(LOW_PREFIX):
        return _("%(signal)s is very low") % {"signal": label_of(key.removeprefix(LOW_PREFIX))}
    return str(signals.get(key).label) if key in signals else key


def _part_line(part: Mapping[str, Any]) -> PartLine:
    key, seen, missing = part["key"], "", ""
    if key in signals:
        if part["value"] is not None:
            seen = signals.get(key).describe(part["value"], part.get("detail", {}))
        if part["n"] is None:
            missing = signals.get(key).missing_reason()
    if part.get("stale"):
        missing = _("too old: %(day)s") % {"day": str(part.get("observed_at", ""))[:10]}
    return PartLine(
        key=key, label=label_of(key), group=part["group"], n=part["n"], share=part["share"],
        freshness=part["freshness"], seen=seen, missing=missing,
    )  # fmt: skip


def _change_seen(key: str, part: Mapping[str, Any] | None, before: float | None) -> str:
    """Say what is seen now; for a signal that came or went, that it did."""
    if part is None or key not in signals:
        return ""
    if part["n"] is None:
        return _("no longer known")
    seen = (
        signals.get(key).describe(part["value"], part.get("detail", {})) if part["value"] is not None else ""
    )
    return f"{seen} ({_('new')})" if before is None else seen


def band_changes(history: Sequence[tuple[date, float, str]]) -> list[tuple[date, str]]:
    """Return (day, band) of each change of band in a history."""
    found = []
    for (_day, _score, former), (day, _now, band) in pairwise(history):
        if band != former:
            found.append((day, band))
    return found
