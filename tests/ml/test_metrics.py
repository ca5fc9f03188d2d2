"""Figures against values worked out by hand."""

import numpy as np
import pytest

from ml.metrics import (
    accuracy_by_coverage,
    calibration_error,
    classification_figures,
    fit_temperature,
    log_softmax,
    ranking_figures,
)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.65, 0.65])
    hits = np.array([True, True, True, False])
    # Bin 9: |1 - 0.95| * 2/4; bin 6: |0.5 - 0.65| * 2/4.
    assert calibration_error(confidence, hits) == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)


def test_certainty_falls_into_the_last_bin() -> None:
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_coverage_keeps_the_most_confident() -> None:
    confidence = np.linspace(0.99, 0.01, 10)
    hits = np.array([True] * 8 + [False] * 2)
    coverage = accuracy_by_coverage(confidence, hits)
    assert list(coverage) == ["0.80", "0.90", "0.95", "0.98", "1.00"]
    assert coverage["0.80"] == 1.0
    assert coverage["1.00"] == pytest.approx(0.8)


def test_macro_f1_counts_a_class_that_is_never_predicted() -> None:
    figures = classification_figures(["a", "a", "b"], ["a", "a", "a"], np.array([0.9, 0.9, 0.9]))
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx(0.8 / 2)


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        classification_figures([], [], np.array([]))


def test_a_constant_probability_has_lift_one_in_any_order() -> None:
    truth = np.array([1] * 10 + [0] * 90)
    assert ranking_figures(truth, np.full(100, 0.1))["lift_at_10"] == pytest.approx(1.0)
    assert ranking_figures(truth[::-1].copy(), np.full(100, 0.1))["lift_at_10"] == pytest.approx(1.0)


def test_a_perfect_ranking() -> None:
    truth = np.array([1] * 10 + [0] * 90)
    figures = ranking_figures(truth, truth * 0.98 + 0.01)
    assert figures["roc_auc"] == 1.0
    assert figures["lift_at_10"] == pytest.approx(10.0)


def test_rankings_of_one_class_are_unknown() -> None:
    figures = ranking_figures(np.zeros(5, dtype=int), np.full(5, 0.2))
    assert figures["roc_auc"] is None
    assert figures["lift_at_10"] is None
    assert figures["brier"] == pytest.approx(0.04)


def test_temperature_finds_the_one_that_drew_the_labels() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(6000, 4)) * 3
    chances = np.exp(log_softmax(logits / 2.0))
    targets = np.array([draw.choice(4, p=row) for row in chances])
    assert fit_temperature(logits, targets) == pytest.approx(2.0, rel=0.1)
