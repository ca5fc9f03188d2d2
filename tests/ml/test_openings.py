"""Openings of texts as a member of their own, and classes that are rare."""

import random

import numpy as np
import pytest

from ml.classifiers import TextClassifier, TextInput
from ml.classifiers.mix import Mix
from ml.classifiers.opening import openings
from tests.ml.fakes import WordEncoder

TOPICS = {"billing": "invoice", "access": "password", "delivery": "parcel"}


def drowned(separator: str = "\n") -> tuple[list[str], list[str]]:
    """Texts whose first words tell the topic and whose long bodies speak of all topics at random, from a fixed seed."""
    draw = random.Random(3)
    texts, labels = [], []
    for number in range(120):
        label = list(TOPICS)[number % 3]
        body = " ".join(draw.choice([*TOPICS.values(), "we", "then", "wrote", "again"]) for _ in range(60))
        texts.append(f"about the {TOPICS[label]} that somebody sent us today{separator}{body}")
        labels.append(label)
    return texts, labels


@pytest.mark.parametrize("separator", ["\n", " "])
@pytest.mark.parametrize("encoder", [None, WordEncoder()])
def test_what_a_text_opens_with_decides_when_bodies_say_nothing(
    encoder: WordEncoder | None, separator: str
) -> None:
    texts, labels = drowned(separator)
    model = TextClassifier(encoder).fit(texts, labels)
    assert model.mix.opening + model.mix.opening_neighbours > 0
    assert model.out_of_fold["accuracy"] > 0.9
    again = TextClassifier.from_artefact(model.to_artefact(), encoder)
    assert again.predict(texts[:6]) == model.predict(texts[:6])
    found = model.predict(["the password"])[0]
    assert found.label == "access"
    assert found.reasons[0].term == "password"


def test_openings_that_add_nothing_stay_out() -> None:
    texts, labels = drowned()
    bodies = [f"good morning\n{text}" for text in texts]  # the first line is the same everywhere
    model = TextClassifier(None).fit(bodies, labels)
    assert model.mix.opening == 0
    assert "opening_model_coef" not in model.to_artefact().arrays


def test_where_a_text_opens() -> None:
    long = " ".join(f"w{number}" for number in range(40))
    assert openings(["one line only", "another"]) is None
    assert openings([long, "Subject\nbody"]) == ["w0 w1 w2 w3 w4 w5 w6 w7", "subject"]
    assert openings([TextInput("Card lost\nplease help", has_subject=True), "\n\nhello\nthere\n"]) == [
        "card lost",
        "hello",
    ]
    assert openings([long, "  "]) == ["w0 w1 w2 w3 w4 w5 w6 w7", ""]


def skewed(rare: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores of two classes that overlap; the second has ``rare`` of 1,000 rows."""
    draw = np.random.default_rng(0)
    targets = (np.arange(1_000) < rare).astype(int)
    evidence = draw.normal(size=1_000) + 2.2 * targets
    prior = np.log(rare / (1_000 - rare)) * 1.4  # a member that leans too far towards what is frequent
    return {"ngram": np.column_stack([np.zeros(1_000), 2.2 * evidence - 2.4 + prior])}, targets


def test_a_rare_class_is_heard_when_that_costs_nothing() -> None:
    scores, targets = skewed(60)
    plain = Mix(ngram=1.0)
    evened = plain.evened(scores, targets)
    assert evened.offsets
    assert evened.offsets[1] > evened.offsets[0]
    before, after = (mix.log_probabilities(scores).argmax(1) for mix in (plain, evened))
    assert (after == targets).mean() >= (before == targets).mean()
    assert after[targets == 1].mean() > before[targets == 1].mean()


def test_classes_of_one_size_are_left_as_they_are() -> None:
    scores, targets = skewed(500)
    assert Mix(ngram=1.0).evened(scores, targets).offsets == ()
