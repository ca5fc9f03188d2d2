"""Where an answer comes from: prediction, version, run, snapshot, code, and who let it serve. Few queries, no texts."""

from __future__ import annotations

from dataclasses import dataclass

from core.models import Approval
from ml.models import AliasChange, DatasetSnapshot, ModelVersion, Prediction, TrainingRun
from people.viewer import Viewer


@dataclass(frozen=True)
class Lineage:
    """The chain from back to front; what does not exist (rules answered, a version from before runs) is None."""

    prediction: Prediction | None
    version: ModelVersion | None
    run: TrainingRun | None
    snapshot: DatasetSnapshot | None
    service: AliasChange | None
    approval: Approval | None


def lineage_of_prediction(prediction_id: int, viewer: Viewer) -> Lineage:
    """Two queries; raises PermissionDenied without ``ml.view`` and Prediction.DoesNotExist."""
    viewer.require("ml.view")
    prediction = Prediction.objects.select_related("version__run__snapshot").get(pk=prediction_id)
    return _lineage(prediction, prediction.version)


def lineage_of_version(version: ModelVersion, viewer: Viewer) -> Lineage:
    """The same from the version on."""
    viewer.require("ml.view")
    return _lineage(None, version)


def _lineage(prediction: Prediction | None, version: ModelVersion | None) -> Lineage:
    if version is None:
        return Lineage(prediction, None, None, None, None, None)
    changes = AliasChange.objects.filter(to_version=version, name="champion", kind__in=("first", "promotion"))
    service = changes.select_related("approval__requested_by", "approval__decided_by").first()
    run = version.run
    return Lineage(
        prediction,
        version,
        run,
        run.snapshot if run else None,
        service,
        service.approval if service else None,
    )
