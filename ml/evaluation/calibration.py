"""How far told probabilities lie from what happened, beyond a single error: the line, and shares with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.metrics import CALIBRATION_BINS, Floats
from ml.monitoring.estimates import wilson

NINETY_FIVE_PERCENT = 1.959963984540054


@dataclass(frozen=True)
class Bin:
    """Rows that were told about the same: the mean told, the share that came true and its 95 % Wilson interval."""

    told: float
    share: float
    low: float
    high: float
    rows: int
    hits: int


def calibration_line(truth: npt.NDArray[np.int_], probability: Floats) -> tuple[float, float]:
    """Slope and offset of the outcomes' log-odds over the told log-odds (Cox 1958); 1 and 0 mean "as told".

    (1, 0) with one outcome only. A slope below 1: extremes are told too boldly.
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(truth)) < 2:
        return 1.0, 0.0
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))
    if np.ptp(odds) < 1e-9:
        return 1.0, float(np.log(truth.mean() / (1 - truth.mean())) - odds[0])
    line = LogisticRegression(C=1e6).fit(odds[:, None], truth)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def quantile_bins(
    truth: Sequence[int], probability: Sequence[float], bins: int = CALIBRATION_BINS
) -> list[Bin]:
    """Bins of about as many rows each, the lowest told first: equal widths would put rare outcomes into one."""
    hits, told = np.asarray(truth, dtype=float), np.asarray(probability, dtype=float)
    if not len(told):
        return []
    order = np.argsort(told, kind="stable")
    found = []
    for part in np.array_split(order, min(bins, len(order))):
        share = float(hits[part].mean())
        low, high = wilson(share, len(part), NINETY_FIVE_PERCENT)
        found.append(Bin(float(told[part].mean()), share, low, high, len(part), int(hits[part].sum())))
    return found
