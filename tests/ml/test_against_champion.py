"""A new version and the one in service are compared on the same rows and by the same labels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from ml.artefacts import Artefact
from ml.evaluation.text_models import majority
from ml.models import ModelVersion, TrainingRun
from ml.registry import Answer, Example, LearnedTask, Report, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import promote_version
from ml.services.start_training import start_training
from people.viewer import system_viewer
from tests.ml.fakes import START

pytestmark = pytest.mark.django_db
BY = system_viewer("command")


@dataclass
class Usual:
    """Says the same word about everything."""

    word: str

    def to_artefact(self) -> Artefact:
        return Artefact(metadata={"model": {"word": self.word}})


class Usually(LearnedTask):
    """Learns the usual label of ``given``."""

    key = "test-usually"
    title = "Usually"
    kind = "usual"
    given: list[Example] = []

    def rows(self) -> Iterable[Example]:
        return list(self.given)

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> Usual:
        return Usual(majority([example.label for example in examples])[0])

    def baseline(self, examples: Sequence[Example]) -> Answer:
        return Answer("none")

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        return {}

    def load(self, artefact: Artefact) -> Usual:
        return Usual(artefact.metadata["model"]["word"])

    def answer(self, model: Usual, examples: Sequence[Example]) -> list[Answer]:
        return [Answer(model.word) for _example in examples]


@pytest.fixture
def task() -> Iterator[Usually]:
    with ml_tasks.temporarily(Usually) as part:
        assert isinstance(part, Usually)
        part.given = [
            Example(n, "quiet" if n < 40 else "usual", START + timedelta(hours=n), f"text {n}", slices={"channel": "email"})
            for n in range(300)
        ]  # fmt: skip
        yield part


def train(task: Usually) -> ModelVersion:
    run = carry_out_run(
        run_id=start_training(task=task.key, trigger=TrainingRun.Trigger.MANUAL, by=BY).pk, by=BY
    )
    assert run.error == ""
    return ModelVersion.objects.get(run=run)


def test_labels_that_were_corrected_since_count_for_both(task: Usually) -> None:
    promote_version(version=train(task), by=BY)
    task.given = [replace(row, label="quiet") if row.subject_id >= 270 else row for row in task.given]
    gates = {gate.gate: gate for gate in train(task).gates.all()}
    assert gates["champion"].detail | {"p": None} == {
        "rows": 60, "won": 0, "lost": 0, "p": None,
        "ours": pytest.approx(1 / 3), "theirs": pytest.approx(1 / 3),
    }  # fmt: skip
    assert (gates["slices"].state, gates["slices"].detail["channel email"]["lost"]) == ("passed", 0.0)


def test_rows_that_are_new_since_are_answered_by_both(task: Usually) -> None:
    given = task.given
    task.given = given[:240]
    promote_version(version=train(task), by=BY)
    task.given = given
    assert train(task).gates.get(gate="champion").detail["rows"] == 60
