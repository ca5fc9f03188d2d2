"""Learning a yes/no outcome from a table: an additive, calibrated model whose explanation is exact.

``TabularModel.train`` chooses between boosted one-split trees, binned logistic regression and their mean by
cross-validation; all three become the same lookup tables (JSON), so that a driver's contribution is not an estimate.
"""

from ml.tabular.model import NotEnoughData, TabularModel, TabularPrediction
from ml.tabular.tables import AdditiveTables, Contribution

__all__ = ["AdditiveTables", "Contribution", "NotEnoughData", "TabularModel", "TabularPrediction"]
