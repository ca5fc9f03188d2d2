"""Tables of the model registry."""

from ml.models.audit import AuditItem
from ml.models.call import ServedCall
from ml.models.class_mode import ClassMode
from ml.models.dataset import DataCheck, DatasetSnapshot
from ml.models.drift import DriftWindow
from ml.models.feature import FeatureValue
from ml.models.feedback import Feedback
from ml.models.gate import GateResult
from ml.models.golden import GoldenCase
from ml.models.prediction import Prediction, ShadowPrediction
from ml.models.request import PredictionRequest
from ml.models.rollback import RollbackEvent
from ml.models.run import TrainingRun
from ml.models.vector import SubjectVector
from ml.models.version import AliasChange, ModelAlias, ModelVersion

__all__ = [
    "AliasChange",
    "AuditItem",
    "ClassMode",
    "DataCheck",
    "DatasetSnapshot",
    "DriftWindow",
    "FeatureValue",
    "Feedback",
    "GateResult",
    "GoldenCase",
    "ModelAlias",
    "ModelVersion",
    "Prediction",
    "PredictionRequest",
    "RollbackEvent",
    "ServedCall",
    "ShadowPrediction",
    "SubjectVector",
    "TrainingRun",
]
