"""Each gate lets a sound version pass and stops the one that it is there for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from ml.artefacts import Artefact
from ml.datasets.rows import Example
from ml.gates.invariance import SAID_OTHERWISE
from ml.judging import Contender, Pair, Verdict, gates
from ml.registry import Answer, HeldOut, MLTask, TrainedModel
from tests.ml.fakes import text_examples


class Echo(MLTask):
    """Answers what the model, a function of the row, says."""

    key = "test-echo"

    def answer(self, model: Any, examples: Sequence[Example]) -> list[Answer]:
        return [Answer(model(example), 0.9) for example in examples]


class YesNo(Echo):
    key = "test-yes-no"
    yes_no = True


def truth(example: Example) -> Any:
    return example.label


def row(number: int, *, right: bool, base: bool = False, probability: float = 0.8, **options: Any) -> HeldOut:
    return HeldOut(
        f"r{number}", "a", "a" if right else "b", probability, float(not right), float(not base), **options
    )


def rows(accuracy: float, count: int = 400, seed: int = 0, **options: Any) -> list[HeldOut]:
    draw = np.random.default_rng(seed)
    return [
        row(n, right=bool(draw.random() < accuracy), probability=accuracy, **options) for n in range(count)
    ]


def contender(held_out: Sequence[HeldOut] = (), **options: Any) -> Contender:
    objections = options.pop("objections", ())
    trained = TrainedModel("k", Artefact({}), {}, {}, held_out, objections)
    return Contender(
        **{"task": Echo(), "trained": trained, "model": truth, "held": text_examples(), **options}
    )


def judge(key: str, candidate: Contender) -> Verdict:
    return gates.get(key).judge(candidate)


def against(ours: Sequence[HeldOut], theirs: Sequence[HeldOut]) -> dict[str, Any]:
    pairs: list[Pair] = list(zip(ours, theirs, strict=True))
    return {"champion": "echo-v1", "pairs": pairs}


def yes_no_rows(error: float, count: int = 400) -> list[HeldOut]:
    return [
        HeldOut(f"r{n}", n % 2, n % 2, abs(n % 2 - error), error**2, 0.25, group=f"account:{n // 4}")
        for n in range(count)
    ]


def spoilt_channel() -> dict[str, Any]:
    """As good as the champion by mail, much worse on the chat."""
    champion = [
        replace(one, slices={"channel": "chat" if n < 100 else "email"}) for n, one in enumerate(rows(0.9))
    ]
    ours = [replace(one, loss=1.0) if n < 40 else one for n, one in enumerate(champion)]
    return against(ours, champion)


def forgets_greetings(example: Example) -> Any:
    return "greeting" if example.text.startswith("Hello") else example.label


def feature_rows(count: int = 60) -> list[Example]:
    """Rows of three free numbers, of which one tells a little about the outcome."""
    draw = np.random.default_rng(3)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Example(
            n,
            n % 2,
            at,
            features={"a": draw.normal() + n % 2, "b": draw.normal(), "c": draw.normal()},
            group=f"g{n}",
        )
        for n in range(count)
    ]


def knowing_the_future(held: Sequence[Example]) -> list[tuple[Example, dict[str, Any]]]:
    """Rows whose first feature was the outcome's own, beside what was recorded by then."""
    return [
        (replace(one, features={**one.features, "a": float(one.label)}), dict(one.features)) for one in held
    ]


def slow(example: Example) -> Any:
    return sum(number * number for number in range(6_000_000)) and example.label


CASES: dict[str, tuple[Contender, Contender]] = {
    "better_than_baseline": (contender(rows(0.8)), contender([replace(one, baseline_loss=one.loss) for one in rows(0.8)])),
    "own_conditions": (contender(), contender(objections=["the rule of thumb is better"])),
    "data_checks": (contender(), contender(failed_checks={"schema": "2 rows with other features"})),
    "champion": (
        contender(**against(rows(0.9), rows(0.9))),
        contender(**against(rows(0.75, seed=1), rows(0.9))),
    ),
    "slices": (
        contender([replace(one, slices={"channel": "email"}) for one in rows(0.8)]),
        contender(**spoilt_channel()),
    ),
    "golden": (
        contender(golden=text_examples()[:3]),
        contender(golden=text_examples()[:3], model=lambda _row: "billing"),
    ),
    "invariance": (contender(), contender(model=forgets_greetings)),
    "calibration": (
        contender(rows(0.8)),
        contender([replace(one, probability=0.95) for one in rows(0.8)]),
    ),
    "leaks": (
        contender(task=YesNo(), held=feature_rows(), built_again=[(one, one.features) for one in feature_rows()]),
        contender(task=YesNo(), held=feature_rows(), built_again=knowing_the_future(feature_rows())),
    ),
    "cost": (contender(), contender(model=slow, held=text_examples()[:3])),
}  # fmt: skip


def test_every_gate_has_a_case() -> None:
    assert set(CASES) == {gate.key for gate in gates}


@pytest.mark.parametrize("key", CASES)
def test_a_sound_version_passes_and_a_bad_one_fails(key: str) -> None:
    sound, bad = CASES[key]
    assert judge(key, sound).ok is True
    verdict = judge(key, bad)
    assert verdict.ok is False
    assert verdict.observed
    assert verdict.threshold


def test_luck_is_no_gain() -> None:
    lucky = [row(n, right=n < 22, base=n < 20) for n in range(40)]
    assert judge("better_than_baseline", contender(lucky)).ok is False
    assert judge("better_than_baseline", contender()).ok is False


def test_models_of_shuffled_labels_are_stopped() -> None:
    """A tenth of the answers made wrong, twenty times."""
    for seed in range(20):
        champion = rows(0.9, 1_000, seed)
        draw = np.random.default_rng(100 + seed)
        ours = [row(n, right=False) if draw.random() < 0.1 else one for n, one in enumerate(champion)]
        assert judge("champion", contender(**against(ours, champion))).ok is False


def test_probabilities_are_compared_by_their_error() -> None:
    champion, worse = yes_no_rows(0.3), yes_no_rows(0.45)
    for ours, ok in ((champion, True), (worse, False), (yes_no_rows(0.2), True)):
        assert judge("champion", contender(task=YesNo(), **against(ours, champion))).ok is ok


def test_what_does_not_apply_is_skipped_and_says_why() -> None:
    for key, candidate in (
        ("champion", contender(rows(0.8))),
        ("champion", contender(**against(rows(0.9, 10), rows(0.9, 10)))),
        ("slices", contender(rows(0.9, 20, slices={"channel": "chat"}))),
        ("golden", contender()),
        ("invariance", contender(held=[replace(one, text="") for one in text_examples()])),
        ("calibration", contender([replace(one, probability=None) for one in rows(0.9)])),
    ):
        verdict = judge(key, candidate)
        assert (verdict.ok, bool(verdict.observed)) == (None, True)


def test_the_same_text_is_said_otherwise_in_the_same_way() -> None:
    text = "Our invoice of last month is wrong, please check the charge for the second office. " * 4
    for say in SAID_OTHERWISE.values():
        assert say(text) == say(text) != text


def test_an_answer_that_becomes_unsure_has_not_changed() -> None:
    class Careful(Echo):
        key = "test-careful"

        def answer(self, model: Any, examples: Sequence[Example]) -> list[Answer]:
            return [Answer(model(one), 0.4, abstained=one.text.startswith("Hello")) for one in examples]

    assert judge("invariance", contender(task=Careful(), model=forgets_greetings)).ok is True
