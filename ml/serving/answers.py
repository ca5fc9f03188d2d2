"""What goes into the serving door and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml.evaluation.class_precision import AUTOMATIC
from ml.models import ModelVersion, Prediction


@dataclass(frozen=True)
class Item:
    """One input of a task (a text, a row of features) and the id of its subject; without one it never meets a canary."""

    content: Any
    subject_id: int | None = None


@dataclass(frozen=True)
class Served:
    """What answered. ``version`` is None when rules did; ``source`` names them, or the version.

    ``failure`` says why ``failed_version`` did not answer (a ``Prediction.Failure``; empty when nothing failed).
    ``latency_ms`` is the share of one item in the time that its batch took. ``paused``: nothing may act on it by itself, a
    person decides.
    """

    source: str
    version: ModelVersion | None = None
    role: str = Prediction.Role.BASELINE
    latency_ms: float | None = None
    failure: str = ""
    failed_version: ModelVersion | None = None
    paused: bool = False

    def instead_of(self, version: ModelVersion, failure: str) -> Served:
        """The same, as a stand-in for a version that failed."""
        return replace(self, failure=failure, failed_version=version)


@dataclass(frozen=True)
class Answer:
    """The answer to one item: what the model's ``predict`` (or the rules) gave, None when even the rules know nothing.

    ``mode`` is what may be done with it by itself: ``automatic``, or ``suggest`` where a person has to agree.
    """

    value: Any
    served: Served
    mode: str = AUTOMATIC


@dataclass(frozen=True)
class Fallback:
    """What rules say about each input, and their name."""

    source: str
    values: Sequence[Any]
