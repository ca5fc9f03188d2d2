"""From rows to a served model: training, the gate, promotion, loading, predictions and labels."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command

from core.models import Event, Heartbeat
from ml.artefacts import Artefact
from ml.health_checks import Models
from ml.models import Feedback, ModelAlias, ModelVersion, Prediction, TrainingRun
from ml.registry import Example, HeldOut, MLTask, TabularTask, TextTask, TrainedModel, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from ml.services.record_feedback import record_feedback
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.services.register_version import register_version
from ml.services.start_training import start_training
from ml.serving import loading
from ml.serving.answers import Served
from ml.serving.loading import load_champion
from ml.tabular import NotEnoughData
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.ml.fakes import START, churn_rows, text_examples

pytestmark = pytest.mark.django_db
BY = system_viewer("command")


class Topics(TextTask):
    """Invented tickets."""

    key = "test-topics"
    title = "Topics"

    def rows(self) -> Iterable[Example]:
        return text_examples()


class Leavers(TabularTask):
    """Invented accounts."""

    key = "test-leavers"
    title = "Leavers"

    features = ("use", "plan", "noise")

    def rows(self) -> Iterable[Example]:
        rows, outcomes = churn_rows()
        for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
            at = START + timedelta(hours=number)
            yield Example(number, outcome, at, features=row, group=str(number // 2))


@pytest.fixture(autouse=True)
def _tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the invented tasks exist, and no transformer is loaded."""
    monkeypatch.setattr(ml_tasks, "_parts", {Topics.key: Topics(), Leavers.key: Leavers()})
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: None)
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})


def silent(_line: str) -> None:
    """No progress."""


def trained_version(task: MLTask) -> ModelVersion:
    run = start_training(task=task.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    assert (run.state, run.error) == (TrainingRun.State.DONE, "")
    return ModelVersion.objects.get(run=run)


def approve(version: ModelVersion, asker: User, decider: User) -> None:
    propose_version(version=version, by=asker.as_viewer(), reason="newer tickets")
    decide_version(version=version, approve=True, by=decider.as_viewer())


def test_train_register_promote_serve() -> None:
    version = trained_version(Topics())
    assert version.stage == ModelVersion.Stage.CANDIDATE
    assert version.metrics["accuracy"] > version.baseline_metrics["accuracy"] + 0.3
    assert load_champion(Topics.key) is None
    promote_version(version=version, by=BY)
    champion = load_champion(Topics.key)
    assert champion is not None
    assert champion.version == version
    assert champion.model.predict(["the refund of my payment"])[0].label == "billing"
    assert load_champion(Topics.key).model is champion.model  # type: ignore[union-attr]
    verbs = list(
        Event.objects.filter(subject_kind="model_version").order_by("pk").values_list("verb", flat=True)
    )
    assert verbs == ["ml.version_registered", "ml.version_promoted"]


def test_a_table_becomes_a_served_model() -> None:
    version = trained_version(Leavers())
    promote_version(version=version, by=BY)
    champion = load_champion(Leavers.key)
    assert champion is not None
    low, high = champion.model.predict_proba([{"use": 95, "plan": "yearly"}, {"use": 2, "plan": "monthly"}])
    assert low < high
    assert set(version.baseline_metrics) >= {"roc_auc", "brier", "ece"}


def no_better() -> TrainedModel:
    held = [HeldOut(f"{n}", "a", "a", 0.5, loss=float(n % 2), baseline_loss=float(n % 2)) for n in range(40)]
    return TrainedModel("test", Artefact(metadata={"model": {}}), {"accuracy": 0.5}, {"accuracy": 0.5}, held)


def test_a_model_no_better_than_its_baseline_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Topics, "train", lambda *_args, **_options: no_better())
    monkeypatch.setattr(Topics, "load", lambda *_args: None)
    version = trained_version(Topics())
    assert version.stage == ModelVersion.Stage.REJECTED
    assert "better_than_baseline" in version.stage_reason
    with pytest.raises(ValidationError, match="rejected"):
        promote_version(version=version, by=BY)
    assert not ModelAlias.objects.exists()


def test_a_version_that_no_gate_has_seen_does_not_serve() -> None:
    version = register_version(task=Topics.key, trained=no_better(), by=BY)
    with pytest.raises(ValidationError, match="gates"):
        promote_version(version=version, by=BY)


def test_only_who_may_manage_models_changes_them(agent: User) -> None:
    nobody: Viewer = agent.as_viewer()
    with pytest.raises(PermissionDenied):
        register_version(task=Topics.key, trained=no_better(), by=nobody)
    version = register_version(task=Topics.key, trained=no_better(), by=BY)
    with pytest.raises(PermissionDenied):
        promote_version(version=version, by=nobody)


def test_a_tampered_model_is_not_served_and_named_in_the_report(
    monkeypatch: pytest.MonkeyPatch, admin: User, lead_user: User
) -> None:
    version = trained_version(Topics())
    promote_version(version=version, by=BY)
    path = Path(settings.MODEL_DIR) / version.path / "metadata.json"
    path.write_text(path.read_text().replace("billing", "bombing"))
    assert load_champion(Topics.key) is None
    assert "changed after it was registered" in loading.failed_champions()[Topics.key]

    monkeypatch.setattr("ml.services.report_models.sentence_encoder", lambda: Named())
    monkeypatch.setattr("ml.services.report_models.sentiment_model", lambda: Named())
    from ml.tasks import report_models

    report_models()
    assert Heartbeat.objects.get(name="ml:models").detail["models"] == {"encoder": "fake", "sentiment": "v0"}
    finding = Models().look()
    assert not finding.ok
    assert Topics.key in finding.detail
    next_one = trained_version(Topics())
    approve(next_one, admin, lead_user)
    promote_version(version=next_one, by=BY)
    report_models()
    assert Models().look().ok


class Named:
    """Stands for a loaded model."""

    name = "fake"
    version = "v0"


def test_failed_files_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ml.artefacts.json.dumps", fail)
    with pytest.raises(OSError, match="disk full"):
        register_version(task=Topics.key, trained=no_better(), by=BY)
    assert not ModelVersion.objects.exists()
    assert not list((Path(settings.MODEL_DIR) / Topics.key).iterdir())


def test_train_models_trains_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("train_models", "--json")
    assert {alias.task for alias in ModelAlias.objects.all()} == {Topics.key, Leavers.key}
    call_command("train_models")
    assert "in service" in capsys.readouterr().out
    assert ModelVersion.objects.count() == 2
    call_command("train_models", "--again", "--task", Topics.key)
    assert ModelAlias.objects.get(task=Topics.key).version.number == 1
    assert ModelVersion.objects.get(task=Topics.key, number=2).stage == ModelVersion.Stage.CANDIDATE


def test_train_models_without_rows_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Topics, "rows", lambda _task: text_examples()[:1])
    call_command("train_models", "--task", Topics.key)
    assert "not trained" in capsys.readouterr().out
    assert not ModelVersion.objects.exists()
    with pytest.raises(CommandError, match="no task"):
        call_command("train_models", "--task", "absent")
    with pytest.raises(NotEnoughData):
        Topics().train(text_examples()[:1], silent)


def test_a_replay_stores_one_prediction() -> None:
    for label in ("billing", "access"):
        record_predictions(
            task=Topics.key,
            subject_kind="ticket",
            served=Served("cold-start"),
            predictions=[
                SubjectPrediction(
                    7, label, 0.7, alternatives=[(label, 0.7)], reasons=[{"term": "refund"}], input_text="x"
                ),
                SubjectPrediction(8, label, 0.6),
            ],
        )
    row = Prediction.objects.get(subject_id=7)
    assert (row.label, row.alternatives, row.source) == ("access", [["access", 0.7]], "cold-start")
    assert "x" not in row.input_digest or len(row.input_digest) == 64
    assert Prediction.objects.count() == 2


def test_a_correction_keeps_what_was_predicted(agent: User) -> None:
    record_predictions(
        task=Topics.key, subject_kind="ticket", served=Served("cold-start"),
        predictions=[SubjectPrediction(7, "billing", 0.7)],
    )  # fmt: skip
    feedback = record_feedback(
        task=Topics.key, subject_kind="ticket", subject_id=7, label="access",
        source=Feedback.Source.CORRECTION, by=agent.as_viewer(),
    )  # fmt: skip
    assert (feedback.predicted_label, feedback.label, feedback.user_id) == ("billing", "access", agent.pk)
