"""Tables of the model registry."""

from ml.models.feedback import Feedback
from ml.models.prediction import Prediction
from ml.models.version import ModelAlias, ModelVersion

__all__ = ["Feedback", "ModelAlias", "ModelVersion", "Prediction"]
