"""The churn learner: exact contributions, calibrated probabilities, honest refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ml.artefacts import Artefact, ArtefactRefused, read_artefact, write_artefact
from ml.classifiers.folds import assign_folds, assign_group_folds
from ml.tabular import NotEnoughData, TabularModel
from ml.tabular.columns import infer_columns
from ml.tabular.learners import LEARNERS, fit_boosted
from tests.ml.fakes import churn_rows

FEATURES = ["use", "plan", "noise"]


@pytest.fixture(scope="module")
def trained() -> TabularModel:
    rows, outcomes = churn_rows()
    return TabularModel.train(rows, outcomes, FEATURES, refits=6)


def test_contributions_add_up_to_the_probability(trained: TabularModel) -> None:
    rows, _ = churn_rows(seed=5)
    log_odds = trained.contributions(rows).sum(axis=1) + trained.tables.intercept
    assert np.allclose(1 / (1 + np.exp(-log_odds)), trained.predict_proba(rows), atol=1e-12)


def test_the_average_row_has_no_drivers(trained: TabularModel) -> None:
    rows, _ = churn_rows()
    assert np.allclose(trained.contributions(rows).mean(axis=0), 0, atol=1e-9)


def test_drivers_point_the_right_way(trained: TabularModel) -> None:
    at_risk, safe = trained.predict([{"use": 3.0, "plan": "monthly"}, {"use": 95.0, "plan": "yearly"}])
    assert at_risk.probability > 0.7 > 0.3 > safe.probability
    assert at_risk.contributions[0].feature in {"use", "plan"}
    assert {c.feature: c.log_odds > 0 for c in at_risk.contributions}["use"]
    assert at_risk.contributions[0].value in {3.0, "monthly"}


def test_the_interval_surrounds_the_probability(trained: TabularModel) -> None:
    rows, _ = churn_rows(seed=8)
    for answer in trained.predict(rows):
        assert 0 <= answer.low <= answer.probability <= answer.high <= 1
    assert any(answer.high - answer.low > 0.01 for answer in trained.predict(rows))


def test_boosted_tables_equal_the_trees_they_come_from() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from ml.tabular.columns import design_matrix

    rows, outcomes = churn_rows()
    columns = infer_columns(rows, FEATURES)
    tables = fit_boosted(rows, np.array(outcomes), columns, 0)
    trees = HistGradientBoostingClassifier(
        max_leaf_nodes=2, max_iter=60, learning_rate=0.1, min_samples_leaf=5, l2_regularization=1.0,
        early_stopping=False, random_state=0,
    ).fit(design_matrix(rows, columns), outcomes)  # fmt: skip
    assert np.allclose(
        trees.decision_function(design_matrix(rows, columns)), tables.log_odds(rows), atol=1e-9
    )


@pytest.mark.parametrize("learner", sorted(LEARNERS))
def test_every_learner_beats_the_overall_rate(learner: str) -> None:
    rows, outcomes = churn_rows(400)
    fresh, truth = churn_rows(400, seed=11)
    columns = infer_columns(rows, FEATURES)
    chances = 1 / (1 + np.exp(-LEARNERS[learner](rows, np.array(outcomes), columns, 0).log_odds(fresh)))
    rate = np.mean(outcomes)
    assert np.mean((chances - truth) ** 2) < np.mean((rate - np.array(truth)) ** 2) * 0.9


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"use": "n/a", "plan": None},
        {"use": math.inf, "plan": "weekly"},
        {"use": " 12.5 ", "plan": 7},
        {"use": True},
    ],
)
def test_any_row_gets_a_probability(trained: TabularModel, row: dict[str, object]) -> None:
    [answer] = trained.predict([row])
    assert 0 < answer.probability < 1


def test_json_brings_back_the_same_numbers(trained: TabularModel, tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "model", trained.to_artefact())
    assert list(manifest.files) == ["metadata.json"]
    loaded = TabularModel.from_artefact(read_artefact(tmp_path / "model", manifest.files))
    rows, _ = churn_rows(seed=2)
    assert loaded.predict(rows) == trained.predict(rows)
    assert (
        json.loads((tmp_path / "model" / "metadata.json").read_text())["model"]["learner"] == trained.learner
    )


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ArtefactRefused):
        TabularModel.from_artefact(Artefact(metadata={"model": {"kind": "other"}}))


def test_too_little_to_learn_from() -> None:
    rows, _ = churn_rows(40)
    with pytest.raises(NotEnoughData, match="each outcome"):
        TabularModel.train(rows, [1] * 3 + [0] * 37, FEATURES)
    with pytest.raises(NotEnoughData, match="no feature"):
        TabularModel.train([{"same": 1}] * 40, [1, 0] * 20, ["same", "absent"])


def test_cross_validation_knows_nothing_of_the_held_out_rows() -> None:
    """With outcomes drawn by lot the held-out ranking must be a coin toss."""
    rows, _ = churn_rows(300)
    lots = np.random.default_rng(1).integers(0, 2, 300).tolist()
    from ml.metrics import ranking_figures

    ours, priors = TabularModel.cross_validate(rows, lots, FEATURES)
    auc = ranking_figures(np.array(lots), ours)["roc_auc"]
    assert auc is not None
    assert 0.38 < auc < 0.62
    assert np.allclose(priors, 0.5, atol=0.1)


def test_groups_stay_together_in_folds() -> None:
    groups = [number // 5 for number in range(100)]
    targets = np.array([int(group % 3 == 0 and number % 5 == 4) for number, group in enumerate(groups)])
    folds = assign_group_folds(targets, groups, seed=0)
    assert folds is not None
    for group in set(groups):
        assert len({folds[row] for row in range(100) if groups[row] == group}) == 1
    assert set(folds) == {0, 1, 2, 3, 4}


def test_folds_are_balanced_over_classes() -> None:
    targets = np.array([0] * 50 + [1] * 10 + [2])
    folds = assign_folds(targets, 0)
    assert folds is not None
    assert sorted(np.bincount(folds[:50])) == [10] * 5
    assert sorted(np.bincount(folds[50:60])) == [2] * 5
    assert assign_folds(np.array([0, 1]), 0) is None


def test_columns_are_recognised() -> None:
    rows = [
        {"n": str(i), "c": "ab"[i % 2], "mixed": "?" if i % 2 else i, "one": "x", "empty": ""}
        for i in range(40)
    ]
    columns = {column.name: column for column in infer_columns(rows, ["n", "c", "mixed", "one", "empty"])}
    assert columns["n"].numeric
    assert columns["c"].levels == ("a", "b")
    assert columns["mixed"].numeric
    assert set(columns) == {"n", "c", "mixed"}
