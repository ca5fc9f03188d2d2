"""The drills of served models in their short forms: see ``bench/drills/ml_rollback.py`` and ``ml_drift.py``."""

import pytest

from bench.drills import ml_drift, ml_rollback
from ml.serving import loading

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})


@pytest.mark.timeout(300)
def test_a_sabotaged_model_is_rolled_back_and_no_ticket_is_lost() -> None:
    seen = ml_rollback.run(tickets=200, day_size=40, audited=0.5)
    assert seen["sabotaged_accuracy"] < seen["held_out_accuracy"] - 0.2
    assert seen["ok"], seen
    assert seen["labels_until_rollback"] <= 80


@pytest.mark.timeout(300)
def test_unseen_topics_are_flagged_and_a_calm_stream_is_not() -> None:
    seen = ml_drift.run(ml_drift.invented(), tickets=4_000, seeds=1)
    assert seen["ok"], seen
