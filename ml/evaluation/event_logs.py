"""Event logs of other systems: cases with their events, and what was known of a case after each event.

A prefix knows nothing of the events after it. What the last event of a case says about its end (who closed it, when) is not
part of any.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from ml.evaluation.csv_tables import read_table

FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%S")
HOUR = 3600.0


@dataclass(frozen=True)
class LoggedEvent:
    """One event: what happened when, and the further columns."""

    at: datetime
    activity: str
    values: dict[str, str]


@dataclass(frozen=True)
class Prefix:
    """A case after one of its events. ``remaining_hours`` is how long it still took."""

    case: str
    at: datetime
    started_at: datetime
    ended_at: datetime
    features: dict[str, Any]
    remaining_hours: float
    outcome: str = ""
    so_far: str = ""


def read_cases(
    path: Path, *, case: str, activity: str, time: str, further: Sequence[str] = ()
) -> dict[str, list[LoggedEvent]]:
    """The events of each case in the order of their times; raises CommandError for a table that is no log."""
    found: dict[str, list[LoggedEvent]] = defaultdict(list)
    for row in read_table(path, [case, activity, time, *further]):
        found[row[case]].append(
            LoggedEvent(_moment(row[time], path), row[activity], {name: row[name] for name in further})
        )
    return {key: sorted(events, key=lambda one: one.at) for key, events in found.items()}


def prefixes(cases: dict[str, list[LoggedEvent]], *, outcome: str = "") -> list[Prefix]:
    """What was known after every event but the last of each case, oldest first.

    ``outcome`` names a further column whose last value is what became of the case; it is no feature.
    """
    spans = {key: (events[0].at, events[-1].at) for key, events in cases.items()}
    starts = sorted(start for start, _end in spans.values())
    ends = sorted(end for _start, end in spans.values())
    found = []
    for key, events in cases.items():
        start, end = spans[key]
        for number, event in enumerate(events[:-1]):
            before = events[number - 1] if number else None
            found.append(
                Prefix(
                    case=key,
                    at=event.at,
                    started_at=start,
                    ended_at=end,
                    features={
                        "state": f"s:{event.activity}",
                        "before": f"s:{before.activity}" if before else None,
                        "events": number + 1,
                        "states": len({one.activity for one in events[: number + 1]}),
                        "age_hours": (event.at - start).total_seconds() / HOUR,
                        "quiet_hours": (event.at - before.at).total_seconds() / HOUR if before else 0.0,
                        "hour": event.at.hour,
                        "weekday": event.at.weekday(),
                        "open_cases": bisect_right(starts, event.at) - bisect_left(ends, event.at),
                        **{name: value for name, value in event.values.items() if name != outcome},
                    },
                    remaining_hours=(end - event.at).total_seconds() / HOUR,
                    outcome=events[-1].values.get(outcome, ""),
                    so_far=event.values.get(outcome, ""),
                )
            )
    return sorted(found, key=lambda one: (one.at, one.case))


def _moment(text: str, path: Path) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    raise CommandError(f"{path}: {text!r} is no time")
