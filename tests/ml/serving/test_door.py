"""The serving door: champion, canary, rules; a model that is missing, changed, slow or wrong never stops the caller."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from ml.artefacts import Artefact
from ml.models import ModelAlias, ModelVersion
from ml.registry import MLTask, ml_tasks
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.serving import circuit, loading
from ml.serving.answers import Answer, Fallback, Item
from ml.serving.canary import meets_canary
from ml.serving.door import predict
from people.viewer import system_viewer
from tests.ml.versions import version_of

pytestmark = pytest.mark.django_db
BY = system_viewer("command")
TASK = "test-echo"


class Echo:
    """Says its word for every input, after what ``behave`` does."""

    def __init__(self, word: str) -> None:
        self.word = word

    def predict(self, inputs: Sequence[str]) -> list[str]:
        if BEHAVE:
            BEHAVE[0]()
        return [f"{self.word}:{text}" for text in inputs]


BEHAVE: list[Callable[[], None]] = []
ASKED_RULES: list[str] = []


class EchoTask(MLTask):
    """A model is one word."""

    key = TASK

    def load(self, artefact: Artefact) -> Echo:
        return Echo(artefact.metadata["model"]["word"])

    def fallback(self, inputs: Sequence[str], *, failure: str = "") -> Fallback:
        ASKED_RULES.append(failure)
        return Fallback("rules", [f"rule:{text}" for text in inputs])


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})
    circuit.reset()
    ASKED_RULES.clear()
    with ml_tasks.temporarily(EchoTask):
        yield
    BEHAVE.clear()
    circuit.reset()


def serve(word: str, name: str = "champion", share: int = 100) -> ModelVersion:
    """A stored version under a name."""
    version = version_of(TASK, Artefact(metadata={"model": {"word": word}}))
    ModelAlias.objects.create(task=TASK, name=name, version=version, share=share)
    return version


def ask(*texts: str) -> list[Answer]:
    return predict(TASK, [Item(text, number) for number, text in enumerate(texts)])


def test_without_a_version_rules_answer() -> None:
    [answer] = ask("a")
    assert (answer.value, answer.served.role, answer.served.source) == ("rule:a", "baseline", "rules")
    assert (answer.served.failure, answer.served.failed_version) == ("", None)


def test_the_champion_answers_in_order_and_its_time_is_told() -> None:
    version = serve("one")
    answers = ask("a", "b")
    assert [answer.value for answer in answers] == ["one:a", "one:b"]
    assert {(a.served.role, a.served.version, a.served.source) for a in answers} == {
        ("champion", version, version.label)
    }
    assert all(answer.served.latency_ms is not None for answer in answers)


def test_a_canary_meets_the_same_subjects_again_and_more_when_its_share_grows() -> None:
    serve("one")
    canary = serve("two", "canary", share=20)
    items = [Item("x", number) for number in range(2_000)]

    def met() -> set[int | None]:
        answers = predict(TASK, items)
        return {item.subject_id for item, a in zip(items, answers, strict=True) if a.value == "two:x"}

    few = met()
    assert 320 < len(few) < 480
    assert met() == few
    ModelAlias.objects.filter(version=canary).update(share=50)
    assert few < met()
    assert not meets_canary(TASK, None, 100)
    assert predict(TASK, [Item("x")])[0].value == "one:x"


def test_what_a_canary_fails_the_champion_answers() -> None:
    serve("one")
    canary = serve("two", "canary")
    (Path(settings.MODEL_DIR) / canary.path / "metadata.json").write_text("{}")
    [answer] = ask("a")
    assert (answer.value, answer.served.role) == ("one:a", "champion")
    assert (answer.served.failure, answer.served.failed_version) == ("load", canary)


def changed(version: ModelVersion) -> None:
    path = Path(settings.MODEL_DIR) / version.path / "metadata.json"
    path.write_text(path.read_text().replace("one", "two"))


def missing(version: ModelVersion) -> None:
    (Path(settings.MODEL_DIR) / version.path / "metadata.json").unlink()


def wrong_kind(version: ModelVersion) -> None:
    """Whole files, but of another version of the code: the task cannot build its model from them."""
    path = Path(settings.MODEL_DIR) / version.path / "metadata.json"
    path.write_text(json.dumps({"model": {"kind": "other"}}))
    from ml.artefacts import describe_artefact

    ModelVersion.objects.filter(pk=version.pk).update(files=describe_artefact(path.parent).files)


def retired(version: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(stage="retired")


@pytest.mark.parametrize("harm", [changed, missing, wrong_kind, retired])
def test_a_version_that_cannot_be_loaded_leaves_it_to_the_rules(harm: Callable[[ModelVersion], None]) -> None:
    version = serve("one")
    harm(version)
    [answer] = ask("a")
    assert (answer.value, answer.served.version) == ("rule:a", None)
    assert (answer.served.failure, answer.served.failed_version) == ("load", version)


def test_a_model_that_fails_leaves_it_to_the_rules_and_is_left_alone_after_five() -> None:
    version = serve("one")
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise RuntimeError("no memory")

    BEHAVE.append(fail)
    said = [ask("a")[0].served for _ in range(7)]
    assert [served.failure for served in said] == ["error"] * 5 + ["open"] * 2
    assert {served.failed_version for served in said} == {version}
    assert len(calls) == 5
    assert ASKED_RULES == ["error"] * 7


def test_an_open_breaker_lets_one_try_and_closes_when_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    serve("one")
    BEHAVE.append(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    for _ in range(5):
        ask("a")
    BEHAVE.clear()
    assert ask("a")[0].served.failure == "open"
    later = time.monotonic() + circuit.OPEN_SECONDS
    monkeypatch.setattr(circuit.time, "monotonic", lambda: later)
    assert ask("a")[0].value == "one:a"
    assert ask("a")[0].served.failure == ""


def test_a_slow_model_is_not_waited_for(settings: Any) -> None:
    settings.ML_PREDICT_SECONDS = 0.05
    serve("one")
    ask("loads")
    hold = threading.Event()
    BEHAVE.append(lambda: hold.wait(30))  # type: ignore[arg-type,return-value]
    try:
        answers = [ask("a")[0] for _ in range(2)]
    finally:
        hold.set()
    assert [(answer.value, answer.served.failure) for answer in answers] == [("rule:a", "slow")] * 2
    assert ASKED_RULES == ["slow"] * 2


def test_a_model_that_is_slow_to_load_is_there_for_a_later_question(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ML_LOAD_SECONDS = 0.05
    serve("one")
    hold = threading.Event()
    load = EchoTask.load
    monkeypatch.setattr(EchoTask, "load", lambda task, artefact: (hold.wait(30), load(task, artefact))[1])
    assert ask("a")[0].served.failure == "slow"
    hold.set()
    settings.ML_LOAD_SECONDS = 30
    while not loading._loaded[TASK]:
        time.sleep(0.01)
    assert ask("a")[0].value == "one:a"


def test_too_few_answers_are_a_failure() -> None:
    serve("one")
    ask("a")
    next(iter(loading._loaded[TASK].values())).predict = lambda _inputs: []
    assert ask("a")[0].served.failure == "error"


def test_rules_that_fail_do_not_stop_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EchoTask, "fallback", lambda *_args, **_kwargs: Fallback("rules", []))
    [answer] = ask("a")
    assert (answer.value, answer.served.source) == (None, "none")


def test_only_models_that_serve_stay_in_memory() -> None:
    first = serve("one")
    ask("a")
    ModelAlias.objects.all().delete()
    second = serve("two")
    ask("a")
    assert list(loading._loaded[TASK]) == [second.digest] != [first.digest]


def test_what_failed_is_stored_with_the_prediction(django_assert_num_queries: Any) -> None:
    version = serve("one")
    changed(version)
    [answer] = ask("a")
    record_predictions(
        task=TASK,
        subject_kind="ticket",
        predictions=[SubjectPrediction(1, "x", 0.5, facts={"words": 3})],
        served=answer.served,
    )
    from ml.models import Prediction

    row = Prediction.objects.get()
    assert (row.role, row.failure, row.failed_version, row.version) == ("baseline", "load", version, None)
    assert row.facts == {"words": 3}
    # Two reads, and what is noted of the call in a transaction of its own.
    with django_assert_num_queries(5):
        ask("b")
