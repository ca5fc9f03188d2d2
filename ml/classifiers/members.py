"""The two linear members of the text classifier, and their scores with one column per class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.metrics import Floats


def fit_ngram(grams: Any, targets: npt.NDArray[np.int_], seed: int) -> Any:
    """A linear support vector machine over n-grams; the class itself when there is one only."""
    from sklearn.svm import LinearSVC

    if len(np.unique(targets)) < 2:
        return int(targets[0])
    model = LinearSVC(C=1.0, random_state=seed, max_iter=2_000)
    with warnings.catch_warnings():
        # Many classes of few rows each are normal for a young help desk; scikit-learn suspects a regression.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        model.fit(grams, targets)
    model.coef_ = model.coef_.astype(np.float32)  # halves memory and file; scores change by less than 1e-5
    return model


def fit_vector(vectors: Any, targets: npt.NDArray[np.int_]) -> Any:
    """A logistic regression over sentence vectors; the class itself when there is one only."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(targets)) < 2:
        return int(targets[0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return LogisticRegression(C=60.0, max_iter=400).fit(vectors, targets)


@dataclass(frozen=True)
class Linear:
    """A linear member as it is kept: weights ``(classes, columns)`` (one row for two classes), offsets, class numbers.

    Plain arrays are there at once; a dump of scikit-learn's object takes a process seconds to be able to read.
    """

    coef_: npt.NDArray[Any]
    intercept_: npt.NDArray[Any]
    classes_: npt.NDArray[Any]

    def decision_function(self, rows: Any) -> npt.NDArray[Any]:
        """Raw scores of rows, sparse or dense, as scikit-learn gives them."""
        scores: npt.NDArray[Any] = np.asarray(rows @ self.coef_.T) + self.intercept_
        return scores.ravel() if scores.shape[1] == 1 else scores

    def to_arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """For the arrays of an artefact."""
        return {f"{name}_{part}": getattr(self, f"{part}_") for part in ("coef", "intercept", "classes")}

    @classmethod
    def of(cls, model: Any) -> Linear:
        """What scikit-learn has fitted."""
        return cls(model.coef_, model.intercept_, model.classes_)

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Linear | None:
        """What ``to_arrays`` gave, or None when it is not there."""
        if f"{name}_coef" not in arrays:
            return None
        return cls(*(arrays[f"{name}_{part}"] for part in ("coef", "intercept", "classes")))


def linear_scores(model: Any, rows: Any, classes: int) -> Floats:
    """Raw scores with a column for every class; classes that the training fold lacked get the row's minimum - 1."""
    if isinstance(model, int):
        constant = np.full((rows.shape[0], classes), -1.0)
        constant[:, model] = 1.0
        return constant
    scores = np.asarray(model.decision_function(rows), dtype=float)
    if scores.ndim == 1:
        scores = np.column_stack([-scores / 2, scores / 2])
    if len(model.classes_) == classes:
        return scores
    full = np.repeat(scores.min(axis=1, keepdims=True) - 1, classes, axis=1)
    full[:, model.classes_] = scores
    return full
