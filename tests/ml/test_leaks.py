"""The leak sentinel against the classic mistake: outcomes evened out before the split."""

from collections.abc import Sequence
from io import StringIO
from json import loads
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from django.core.management import call_command
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors

from ml.evaluation.leaks import future_features, inspect_folds, shuffled_time

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def customers(count: int = 1_200, seed: int = 0) -> tuple[Floats, Ints]:
    """Six numbers of which two tell something about an outcome of one in five."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, 6))
    chance = 1 / (1 + np.exp(1.9 - 1.0 * rows[:, 0] + 0.9 * rows[:, 1]))
    return rows, (draw.random(count) < chance).astype(np.int64)


def smote(rows: Floats, outcome: Ints, seed: int = 0) -> tuple[Floats, Ints]:
    """Even the outcomes out with rows between a rare one and one of its five nearest (Chawla et al. 2002)."""
    draw, rare = np.random.default_rng(seed), rows[outcome == 1]
    near = NearestNeighbors(n_neighbors=6).fit(rare).kneighbors(rare, return_distance=False)[:, 1:]
    missing = int((outcome == 0).sum() - len(rare))
    start = draw.integers(len(rare), size=missing)
    end = near[start, draw.integers(5, size=missing)]
    made = rare[start] + draw.random((missing, 1)) * (rare[end] - rare[start])
    return np.vstack([rows, made]), np.concatenate([outcome, np.ones(missing, dtype=np.int64)])


def cleaned(rows: Floats, outcome: Ints) -> tuple[Floats, Ints]:
    """Leave out rows whose three nearest say otherwise (Wilson 1972), the second half of SMOTE-ENN."""
    near = NearestNeighbors(n_neighbors=4).fit(rows).kneighbors(rows, return_distance=False)[:, 1:]
    kept = np.round(outcome[near].mean(axis=1)) == outcome
    return rows[kept], outcome[kept]


def folds_of(outcome: Ints) -> Ints:
    folds = np.zeros(len(outcome), dtype=np.int64)
    parts = StratifiedKFold(3, shuffle=True, random_state=0).split(np.zeros(len(outcome)), outcome)
    for number, (_train, held) in enumerate(parts):
        folds[held] = number
    return folds


def pooled_auc(rows: Floats, outcome: Ints, folds: Ints) -> float:
    told = np.empty(len(outcome))
    for fold in range(3):
        model = RandomForestClassifier(40, random_state=0).fit(rows[folds != fold], outcome[folds != fold])
        told[folds == fold] = model.predict_proba(rows[folds == fold])[:, 1]
    return float(roc_auc_score(outcome, told))


def kinds(rows: Floats, outcome: Ints, groups: Sequence[int] | None = None) -> set[str]:
    return {leak.kind for leak in inspect_folds(rows, outcome, folds_of(outcome), groups)}


def test_resampling_before_the_split_lifts_the_ranking_and_is_caught() -> None:
    rows, outcome = customers()
    honest = pooled_auc(rows, outcome, folds_of(outcome))
    assert honest < 0.85
    assert kinds(rows, outcome) == set()
    made, evened = smote(rows, outcome)
    assert pooled_auc(made, evened, folds_of(evened)) > 0.9
    assert "made_rows" in kinds(made, evened)
    pure, pure_outcome = cleaned(made, evened)
    assert pooled_auc(pure, pure_outcome, folds_of(pure_outcome)) > 0.95
    assert "made_rows" in kinds(pure, pure_outcome)


def test_resampling_within_the_training_part_is_no_leak_of_the_held_out_rows() -> None:
    """Made rows in the training part alone lie between rows that are there, too: the held-out rows are real."""
    rows, outcome = customers()
    train, held = np.arange(800), np.arange(800, 1_200)
    made, evened = smote(rows[train], outcome[train])
    both = np.vstack([made, rows[held]]), np.concatenate([evened, outcome[held]])
    folds = np.concatenate([np.full(len(made), 1), np.zeros(len(held), dtype=np.int64)])
    only_held = inspect_folds(both[0], np.where(folds == 0, both[1], both[1]), folds)
    # Looked at from the other side the made rows are found, but none of the held-out rows is one.
    assert all(leak.kind == "made_rows" for leak in only_held)


def test_rows_that_were_drawn_several_times_are_copies() -> None:
    rows, outcome = customers(600)
    rare = np.flatnonzero(outcome == 1)
    again = np.concatenate([np.arange(600), rare, rare])
    assert "copies" in kinds(rows[again], outcome[again])


def test_a_subject_may_not_be_on_both_sides() -> None:
    rows, outcome = customers(600)
    folds = folds_of(outcome)
    assert "parted" in {
        leak.kind for leak in inspect_folds(rows, outcome, folds, [n // 3 for n in range(600)])
    }
    assert "parted" not in {leak.kind for leak in inspect_folds(rows, outcome, folds, list(range(600)))}


def test_a_feature_that_was_recorded_later_is_named() -> None:
    draw = np.random.default_rng(1)
    outcome = draw.integers(0, 2, 300).tolist()
    then = [{"use": draw.normal(), "status": 0.0} for _hit in outcome]
    now = [{**row, "status": float(hit)} for row, hit in zip(then, outcome, strict=True)]
    [leak] = future_features(now, then, outcome)
    assert leak.kind == "future"
    assert leak.words.startswith("status ranks by 0.5")
    assert future_features(then, then, outcome) == []


@pytest.mark.parametrize(
    ("forward", "shuffled", "leaks"), [(0.64, 0.99, True), (0.80, 0.83, False), (None, 0.9, False)]
)
def test_shuffled_time(forward: float | None, shuffled: float, leaks: bool) -> None:
    assert (shuffled_time(forward, shuffled) is not None) == leaks


def test_the_command_tells_of_made_rows(tmp_path: Path) -> None:
    rows, outcome = smote(*customers(500))
    lines = ["a,b,c,d,e,f,churn"]
    for row, hit in zip(rows.tolist(), outcome.tolist(), strict=True):
        lines.append(",".join([*map(repr, row), "yes" if hit else "no"]))
    path = tmp_path / "evened.csv"
    path.write_text("\n".join(lines))
    out = StringIO()
    options = ("--data", str(path), "--label", "churn", "--folds", "2", "--json")
    call_command("evaluate_churn", *options, stdout=out, stderr=StringIO())
    told = loads(out.getvalue().splitlines()[-1])
    assert [leak["kind"] for leak in told["leaks"]] == ["made_rows"]
