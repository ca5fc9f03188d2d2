"""Several labels at once: learning, thresholds, the life of a version."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pytest

from ml.artefacts import read_artefact, write_artefact
from ml.class_modes import class_rows
from ml.classifiers.label_sets import LabelSetClassifier
from ml.evaluation.label_precision import JudgedLabels, least_probability, measure_labels
from ml.label_sets import LabelSetTask, distance, label_of, names_in
from ml.models import GateResult, ModelVersion, TrainingRun
from ml.registry import Answer, Example, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.start_training import start_training
from ml.serving import loading
from ml.serving.answers import Item
from ml.serving.door import predict
from people.viewer import system_viewer
from tests.ml.fakes import START, WordEncoder, ticket_texts
from tests.ml.versions import put_into_service

BY = system_viewer("command")


def tagged_texts() -> list[tuple[str, set[str]]]:
    """Invented texts; what is about billing has a second label where it says "refund", one frame in eight has none."""
    rows = []
    for text, topic in zip(*ticket_texts(), strict=True):
        names = {topic} | ({"money-back"} if "refund" in text else set())
        rows.append((text, set() if "please send" in text else names))
    rows += [(f"{text} urgently", names | {"urgent"} if names else names) for text, names in rows]
    return rows


class Tagged(LabelSetTask):
    """Invented tickets with tags."""

    key = "test-tags"
    title = "Tags"

    def rows(self) -> Iterable[Example]:
        order = np.random.default_rng(0).permutation(len(tagged_texts()))
        for number, row in enumerate(order):
            text, names = tagged_texts()[row]
            yield Example(number, label_of(names), START + timedelta(hours=number), text=text)


def judged(right: int, wrong: int, *, probability: float = 0.9, unsaid: int = 100) -> JudgedLabels:
    """One label: answers at one probability, and rows at 0.1 that lack it."""
    told = np.array([probability] * (right + wrong) + [0.1] * unsaid)
    return JudgedLabels(["a"], np.arange(len(told))[:, None] < right, told[:, None])


def test_a_label_is_the_sorted_names() -> None:
    assert label_of({"b", "a"}) == "a,b"
    assert names_in(label_of(())) == []
    assert distance("a,b", "b,c") == pytest.approx(2 / 3)
    assert distance(",", ",") == 0


def test_a_threshold_needs_precision_answers_and_examples() -> None:
    assert least_probability(judged(80, 20), 0) == 0.3
    assert least_probability(judged(79, 21), 0) is None
    assert least_probability(judged(19, 0), 0) is None
    few = JudgedLabels(["a"], np.ones((30, 1), dtype=bool), np.array([[0.9]] * 9 + [[0.1]] * 21))
    assert least_probability(few, 0) is None


def test_only_a_sure_precision_lets_a_label_be_applied() -> None:
    def mode(seen: JudgedLabels, newest: JudgedLabels) -> str:
        return str(measure_labels(seen, newest)["classes"]["a"]["mode"])

    assert mode(judged(60, 0), judged(20, 0)) == "automatic"
    assert mode(judged(40, 0), judged(20, 0)) == "suggest"
    assert mode(judged(79, 21), judged(20, 0)) == "off"
    assert mode(judged(60, 0), judged(15, 5)) == "suggest"
    assert mode(judged(60, 0), judged(5, 15)) == "off"


def test_labels_are_said_for_their_words_and_survive_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    texts, names = zip(*tagged_texts(), strict=True)
    model = LabelSetClassifier(WordEncoder()).fit(texts, names)
    assert model.labels == ["access", "billing", "delivery", "urgent"]  # 14 refunds are too few
    asked = ["the invoice looks wrong this month urgently", "our parcel did not arrive", "something else"]
    said = model.predict(asked)
    assert {one.name for one in said[0].labels} == {"billing", "urgent"}
    assert [one.name for one in said[1].labels] == ["delivery"]
    assert "invoice" in {r.term for one in said[0].labels if one.name == "billing" for r in one.reasons}
    manifest = write_artefact(tmp_path / "model", model.to_artefact())
    again = LabelSetClassifier.from_artefact(read_artefact(tmp_path / "model", manifest.files), WordEncoder())
    assert again.predict(asked) == said
    assert np.allclose(again.probabilities(asked), model.probabilities(asked))


def test_the_trivial_model_says_what_fits_most_rows() -> None:
    task = Tagged()
    rows = [Example(n, label, START, text="x") for n, label in enumerate(["a", "a,b", "a", ","])]
    assert task.baseline(rows) == Answer("a")
    assert task.baseline([*rows, *rows[-1:] * 9]) == Answer(",")


@pytest.mark.django_db
def test_a_version_passes_the_gates_and_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ml_tasks, "_parts", {Tagged.key: Tagged()})
    monkeypatch.setattr("ml.label_sets.available_encoder", lambda _report: None)
    monkeypatch.setattr(loading, "_loaded", {})
    run = start_training(task=Tagged.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    assert (run.state, run.error) == (TrainingRun.State.DONE, "")
    version = ModelVersion.objects.get(run=run)
    gates = dict(GateResult.objects.filter(version=version).values_list("gate", "state"))
    assert GateResult.State.FAILED not in gates.values(), gates
    assert gates["calibration"] == GateResult.State.SKIPPED
    assert gates["better_than_baseline"] == gates["invariance"] == GateResult.State.PASSED
    assert version.metrics["micro_precision"] >= 0.8
    assert run.snapshot is not None
    assert run.snapshot.label_counts["money-back"] == 14
    assert set(class_rows([version])[version.pk]) == {"access", "billing", "delivery", "urgent"}
    put_into_service(version)
    (answer,) = predict(Tagged.key, [Item("the invoice looks wrong this month", 1)])
    assert [one.name for one in answer.value.labels] == ["billing"]
    assert answer.served.version == version
