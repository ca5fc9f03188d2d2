"""Drift tests, the guard and estimates against figures worked out by hand or by scipy's own tests."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from ml.monitoring.drift_tests import (
    DriftTest,
    adjust,
    compare_categories,
    compare_means,
    compare_numbers,
    compare_shares,
)
from ml.monitoring.estimates import audited_accuracy, wilson
from ml.monitoring.guard import THRESHOLD, watch_accuracy


def test_categories_are_tested_as_scipy_does_and_measured_at_equal_weight() -> None:
    found = compare_categories({"mail": 600, "chat": 400}, {"mail": 30, "chat": 70})
    statistic, p_value, _freedom, _expected = chi2_contingency([[600, 400], [30, 70]], correction=False)
    assert (found.statistic, found.p_value) == pytest.approx((statistic, p_value))
    # (0.3^2 / 1.8 + 0.3^2 / 2.2) for shares 0.6 against 0.3 and 0.4 against 0.7, less what chance adds.
    raw = 0.09 / 1.8 + 0.09 / 2.2
    assert found.effect == pytest.approx(math.sqrt(raw - (1 / 1000 + 1 / 100) / 4))
    assert found.notable
    longer = compare_categories({"mail": 60_000, "chat": 40_000}, {"mail": 30, "chat": 70})
    assert longer.effect == pytest.approx(found.effect, abs=0.01)


def test_rare_classes_are_counted_together() -> None:
    rare = {f"rare-{number}": 1 for number in range(6)}
    found = compare_categories({"a": 500, "b": 500} | rare, {"a": 500, "b": 500} | rare)
    together = compare_categories({"a": 500, "b": 500, "c": 6}, {"a": 500, "b": 500, "c": 6})
    assert (found.statistic, found.p_value, found.effect) == (
        together.statistic,
        together.p_value,
        together.effect,
    )
    single = compare_categories({"a": 999, "b": 1}, {"a": 100})
    assert (single.p_value, single.effect) == (1.0, 0.0)


def test_a_class_that_is_new_is_seen() -> None:
    found = compare_categories({"a": 800, "b": 200}, {"a": 180, "b": 45, "new": 25})
    assert found.p_value < 1e-10
    assert found.notable


def test_a_difference_nobody_would_notice_has_no_notable_effect() -> None:
    draw = np.random.default_rng(1)
    found = compare_numbers(draw.normal(0, 1, 20_000).tolist(), draw.normal(0.05, 1, 20_000).tolist())
    assert found.p_value < 0.01
    assert not found.notable
    moved = compare_numbers(draw.normal(0, 1, 2_000).tolist(), draw.normal(0.3, 1, 300).tolist())
    assert moved.p_value < 0.01
    assert moved.notable


def test_numbers_that_shift_by_a_constant_differ_by_it() -> None:
    rows = [0.0, 1.0, 2.0, 3.0]
    found = compare_numbers(rows, [value + 1 for value in rows])
    assert found.effect == pytest.approx(1 / math.sqrt(5 / 3))
    assert found.statistic == pytest.approx(0.25)


@pytest.mark.parametrize("compare", [compare_numbers, compare_means])
def test_constants_are_the_same_or_another(compare: Callable[..., DriftTest]) -> None:
    same = compare([0.9] * 501, [0.9] * 250)
    assert (same.p_value, same.effect) == (1.0, 0.0)
    other = compare([0.9] * 501, [0.5] * 250)
    assert other.p_value == 0.0
    assert other.notable


def test_means_are_compared_in_standard_errors_with_their_sign() -> None:
    found = compare_means([0.8, 0.9, 1.0, 0.9], [0.5, 0.6, 0.7, 0.6])
    variance = 0.02 / 3
    assert found.statistic == pytest.approx(-0.3 / math.sqrt(variance / 2))
    assert found.effect == pytest.approx(-0.3 / math.sqrt(variance))
    assert found.p_value == pytest.approx(math.erfc(0.3 / math.sqrt(variance / 2) / math.sqrt(2)))


def test_shares_are_compared_with_their_sign() -> None:
    found = compare_shares((20, 1_000), (25, 250))
    pooled = 45 / 1_250
    assert found.statistic == pytest.approx(0.08 / math.sqrt(pooled * (1 - pooled) * (1 / 1_000 + 1 / 250)))
    assert found.effect == pytest.approx(2 * (math.asin(math.sqrt(0.1)) - math.asin(math.sqrt(0.02))))
    assert compare_shares((0, 100), (0, 100)).p_value == 1.0


def test_no_rows_are_no_comparison() -> None:
    for compare, left, right in (
        (compare_categories, {"a": 1}, {}),
        (compare_numbers, [], [1.0]),
        (compare_means, [1.0], []),
        (compare_shares, (0, 0), (1, 2)),
    ):
        with pytest.raises(ValueError, match="no rows"):
            compare(left, right)  # type: ignore[operator]


def test_benjamini_hochberg_by_hand() -> None:
    assert adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjust([0.9, 0.8]) == pytest.approx([0.9, 0.9])
    assert adjust([]) == []


def test_stability_is_shown_only_for_enough_rows() -> None:
    assert compare_categories({"a": 150, "b": 40}, {"a": 100, "b": 100}).psi is None
    found = compare_categories({"a": 300, "b": 100}, {"a": 200, "b": 200})
    before, after = 300.5 / 401, 200.5 / 401
    by_hand = (after - before) * math.log(after / before) + (before - after) * math.log(
        (1 - after) / (1 - before)
    )
    assert found.psi == pytest.approx(by_hand)


def test_the_guard_adds_the_ratio_and_alarms_once_above_the_threshold() -> None:
    wrong, right = math.log(0.18 / 0.10), math.log(0.82 / 0.90)
    reading = watch_accuracy([(False, 1.0), (True, 1.0), (False, 2.0)], 0.9)
    assert reading.statistic == pytest.approx(wrong + right + 2 * wrong)
    assert reading.alarmed_at is None
    needed = math.floor(THRESHOLD / wrong) + 1
    alarm = watch_accuracy([(False, 1.0)] * 20, 0.9)
    assert alarm.alarmed_at == needed == 12
    assert watch_accuracy([(True, 1.0)] * 50, 0.9).statistic == 0.0


def test_the_guard_is_quick_on_harm_and_patient_otherwise() -> None:
    """Median labels to an alarm, and false alarms within 5,000 labels, over 200 simulated services of a 90 % model."""
    draw = np.random.default_rng(7)

    def runs(accuracy: float, length: int) -> list[float]:
        return [
            watch_accuracy([(bool(hit), 1.0) for hit in draw.random(length) < accuracy], 0.9).alarmed_at
            or math.inf
            for _ in range(200)
        ]

    assert np.median(runs(0.82, 1_000)) < 200
    assert np.median(runs(0.52, 200)) < 30
    assert np.mean(np.isfinite(runs(0.90, 5_000))) < 0.25
    assert np.mean(np.isfinite(runs(0.93, 5_000))) == 0


def test_an_audit_is_weighted_by_the_inverse_chance_of_being_drawn() -> None:
    labels = [(True, 0.1), (False, 0.5), (True, 0.5), (False, 0.5)]
    found = audited_accuracy(labels)
    assert found is not None
    assert found.value == pytest.approx((10 + 2) / (10 + 2 + 2 + 2))
    assert found.effective_rows == pytest.approx(16**2 / (100 + 4 * 3))
    assert (found.low, found.high) == pytest.approx(wilson(found.value, found.effective_rows))
    assert audited_accuracy([]) is None
    with pytest.raises(ValueError, match="probabilities"):
        audited_accuracy([(True, 0.0)])


def test_wilson_by_hand() -> None:
    low, high = wilson(0.9, 100, deviations=1.0)
    middle, half = (0.9 + 0.005) / 1.01, math.sqrt(0.9 * 0.1 / 100 + 1 / 40_000) / 1.01
    assert (low, high) == pytest.approx((middle - half, middle + half))
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson(1.0, 10)[0] < 0.85


def test_audits_of_a_skewed_sample_cover_the_truth() -> None:
    """Half of the labels from the uncertain third, as audits are drawn: the 90 % interval covers the truth in 85-95 %."""
    draw = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        uncertain = draw.random(4_000) < 1 / 3
        right = draw.random(4_000) < np.where(uncertain, 0.7, 0.97)
        chance = np.where(uncertain, 70 / uncertain.sum(), 70 / (~uncertain).sum())
        drawn = draw.random(4_000) < chance
        found = audited_accuracy(list(zip(right[drawn].tolist(), chance[drawn].tolist(), strict=True)))
        assert found is not None
        covered += found.low <= right.mean() <= found.high
    assert 0.85 <= covered / 400 <= 0.97
