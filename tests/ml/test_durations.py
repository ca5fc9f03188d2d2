"""Durations: the exported trees say what scikit-learn says, quantiles ascend and hold, files carry no foreign object."""

from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml.artefacts import read_artefact, write_artefact
from ml.tabular.durations import DurationModel
from ml.tabular.trees import Trees


def invented(count: int = 600) -> tuple[list[dict[str, object]], list[float]]:
    draw = np.random.default_rng(1)
    rows: list[dict[str, object]] = []
    hours = []
    for number in range(count):
        age, state = float(draw.uniform(0, 50)), str(draw.choice(["new", "waiting"]))
        rows.append({"age": None if number % 13 == 0 else age, "state": state})
        hours.append((5 if state == "new" else 40) * float(draw.exponential()) + age / 10)
    return rows, hours


def test_exported_trees_say_the_same() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(400, 4))
    matrix[::7, 1] = np.nan
    target = matrix[:, 0] + np.where(np.isnan(matrix[:, 1]), 2.0, matrix[:, 1] ** 2)
    model = HistGradientBoostingRegressor(loss="quantile", quantile=0.8, max_iter=20).fit(matrix, target)
    assert np.abs(Trees.of(model).predict(matrix) - model.predict(matrix)).max() < 1e-9


def test_eight_of_ten_stay_within_the_upper_time(tmp_path: Path) -> None:
    rows, hours = invented()
    model = DurationModel.train(rows[:450], hours[:450], ["age", "state"])
    told = model.hours(rows[450:])
    assert (told[:, 1] >= told[:, 0]).all()
    assert 0.7 <= (np.array(hours[450:]) <= told[:, 1]).mean() <= 0.9
    assert np.median(told[:, 0][[row["state"] == "waiting" for row in rows[450:]]]) > 15
    manifest = write_artefact(tmp_path / "model", model.to_artefact())
    assert set(manifest.files) == {"metadata.json", "arrays.safetensors"}
    again = DurationModel.from_artefact(read_artefact(tmp_path / "model", manifest.files))
    assert (again.hours(rows) == model.hours(rows)).all()
    same = DurationModel.train(rows[:450], hours[:450], ["age", "state"])
    assert write_artefact(tmp_path / "same", same.to_artefact()).digest == manifest.digest


def log_of(path: Path) -> Path:
    """Cases that take two hours in state A and two days in state B."""
    lines = ["CaseID,ActivityID,CompleteTimestamp,met"]
    for case in range(120):
        day, long = 1 + case // 5, case % 2
        last = f"2026-03-{day + 2:02}" if long else f"2026-03-{day:02}"
        lines += [
            f"{case},{'B' if long else 'A'},2026-03-{day:02} 0{case % 5 + 1}:00:00,yes",
            f"{case},end,{last} 0{case % 5 + 3}:00:00,{'no' if long else 'yes'}",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_log_is_measured_forward_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of(tmp_path / "log.csv")
    call_command("evaluate_time", data=log, json=True)
    out = capsys.readouterr().out
    assert '"median_ae_hours": 0.0' in out.splitlines()[-1]
    assert "mae_gain" in out
    call_command("evaluate_time", data=log, outcome="met", bad="no", keep_open=True)
    assert "roc_auc" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no column"):
        call_command("evaluate_time", data=log, case="nothing")
    with pytest.raises(CommandError, match="belong together"):
        call_command("evaluate_time", data=log, outcome="met")
