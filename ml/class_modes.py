"""What may be done by itself with the answers of a version, class by class: as measured, unless changed since.

A version without measured classes (yes/no tasks, versions from before) has no modes: every answer that it does not leave to
a person is automatic.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ml.evaluation.class_precision import AUTOMATIC, OFF, SUGGEST, Bars, Precision
from ml.models import ClassMode, ModelVersion

CAUTION = (AUTOMATIC, SUGGEST, OFF)  # each one more cautious than the one before


@dataclass(frozen=True)
class ClassRow:
    """One class of a version. ``precision`` is measured above the version's own threshold, ``there`` from ``threshold`` on,
    ``held_out`` on the newest rows; ``change`` is what holds instead of ``measured``, None when nothing does."""

    label: str
    rows: int
    precision: Precision
    measured: str
    threshold: float
    is_raised: bool
    there: Precision
    held_out: Precision
    change: ClassMode | None = None

    @property
    def mode(self) -> str:
        """The mode in force."""
        return self.change.mode if self.change is not None else self.measured

    @property
    def most(self) -> str:
        """The least cautious mode that needs no approval: the measured one, or the one that live precision has led to."""
        if self.change is not None and self.change.source == ClassMode.Source.LIVE:
            return max(self.measured, self.change.mode, key=CAUTION.index)
        return self.measured

    def for_probability(self, probability: float) -> str:
        """The mode of one answer: below the class's threshold an automatic class is suggested."""
        if self.mode == AUTOMATIC and probability < self.threshold:
            return SUGGEST
        return self.mode


ClassRows = Mapping[str, ClassRow]


def class_rows(versions: Collection[ModelVersion]) -> dict[int, ClassRows]:
    """The classes of each version by label, as measured and as changed; one query, none without measured classes."""
    measured = [version for version in versions if version.metrics.get("class_modes")]
    if not measured:
        return {}
    changes: dict[tuple[int, str], ClassMode] = {}
    for change in ClassMode.objects.filter(version__in=measured).order_by("pk"):
        changes[change.version_id, change.label] = change
    return {version.pk: _rows(version, changes) for version in measured}


def _rows(version: ModelVersion, changes: Mapping[tuple[int, str], ClassMode]) -> ClassRows:
    told = version.metrics["class_modes"]
    return {
        label: ClassRow(
            label=label,
            rows=kept["rows"],
            precision=Precision(**kept["precision"]),
            measured=kept["mode"],
            threshold=kept["threshold"],
            is_raised=kept["threshold"] > told["least"],
            there=Precision(**kept["at_threshold"]),
            held_out=Precision(**kept["held_out"]),
            change=changes.get((version.pk, label)),
        )
        for label, kept in told["classes"].items()
    }


def bars_of(version: ModelVersion) -> Bars:
    """The bars that the version was measured against."""
    return Bars(**version.metrics["class_modes"]["bars"])
