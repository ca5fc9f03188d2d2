"""The routing learner: what it learns, when it abstains, what it explains, and that it survives its files."""

from pathlib import Path

import numpy as np
import pytest

from ml.artefacts import Artefact, ArtefactRefused, read_artefact, write_artefact
from ml.classifiers import ColdStartClassifier, TextClassifier
from tests.ml.fakes import WordEncoder, ticket_texts


@pytest.fixture(scope="module")
def trained() -> TextClassifier:
    return TextClassifier(WordEncoder()).fit(*ticket_texts())


def test_it_learns_and_says_so_out_of_fold(trained: TextClassifier) -> None:
    assert trained.labels == ["access", "billing", "delivery"]
    assert trained.out_of_fold["accuracy"] > 0.9
    [answer] = trained.predict(["please send the refund of the second charge"])
    assert answer.label == "billing"
    assert not answer.abstained
    assert answer.probability == pytest.approx(answer.alternatives[0][1])
    assert sum(share for _, share in answer.alternatives) == pytest.approx(1.0)


def test_reasons_are_words_of_the_text_that_mean_something(trained: TextClassifier) -> None:
    [answer] = trained.predict(["Hello, the password for this and that was lost"])
    assert answer.label == "access"
    assert answer.reasons[0].term == "password"
    assert answer.reasons[0].weight > 0
    assert not {"hello", "the", "this", "that", "was"} & {reason.term for reason in answer.reasons}


def test_a_text_from_elsewhere_is_left_to_a_person(trained: TextClassifier) -> None:
    [answer] = trained.predict(["zebra saxophone moonlight"])
    assert answer.abstained
    assert answer.because == "unfamiliar"


def test_the_probability_threshold_reaches_the_target(trained: TextClassifier) -> None:
    assert 0.5 <= trained.least_probability <= 1
    assert trained.predict(["where is my parcel"])[0].least == trained.least_probability


def test_the_same_rows_give_the_same_model(trained: TextClassifier) -> None:
    again = TextClassifier(WordEncoder()).fit(*ticket_texts())
    texts = ["parcel and invoice", "code", "", "?"]
    assert np.array_equal(again.probabilities(texts), trained.probabilities(texts))


def test_files_bring_back_the_same_answers(trained: TextClassifier, tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "model", trained.to_artefact())
    loaded = TextClassifier.from_artefact(read_artefact(tmp_path / "model", manifest.files), WordEncoder())
    texts = ["where is my parcel", "locked out", "zebra saxophone moonlight"]
    assert loaded.predict(texts) == trained.predict(texts)


def test_versions_that_kept_estimators_are_still_read(trained: TextClassifier, tmp_path: Path) -> None:
    artefact = trained.to_artefact()
    kept = {"ngram_model": trained._ngram, "vector_model": trained._vector}
    older = {name: array for name, array in artefact.arrays.items() if "_model_" not in name}
    manifest = write_artefact(tmp_path / "model", Artefact(artefact.metadata, kept, older))
    loaded = TextClassifier.from_artefact(read_artefact(tmp_path / "model", manifest.files), WordEncoder())
    assert loaded.predict(["where is my parcel"]) == trained.predict(["where is my parcel"])


def test_another_encoder_is_refused(trained: TextClassifier, tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "model", trained.to_artefact())
    with pytest.raises(ArtefactRefused, match="another encoder"):
        TextClassifier.from_artefact(read_artefact(tmp_path / "model", manifest.files), None)


def test_without_an_encoder_the_n_grams_do_it() -> None:
    model = TextClassifier(None).fit(*ticket_texts())
    [answer] = model.predict(["the courier lost the parcel"])
    assert answer.label == "delivery"
    assert answer.similarity is None


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["only one"], ["a"]),
        (["one", "two"], ["a", "b"]),
        (["one", "two", "three"], ["a", "a", "a"]),
        (["", "", "", "", "", "", ""], ["a", "b", "a", "b", "a", "b", "a"]),
        (["12", "??", "!!", "34", "..", "56", "78", "9"], ["a", "b"] * 4),
        ([f"text {i}" for i in range(30)], [f"class {i}" for i in range(30)]),
        ([f"red {i}" for i in range(20)] + ["blue"], ["a"] * 20 + ["b"]),
        (["same"] * 12, ["a", "b"] * 6),
    ],
)
def test_odd_training_sets_give_valid_answers(texts: list[str], labels: list[str]) -> None:
    model = TextClassifier(WordEncoder()).fit(texts, labels)
    for answer in model.predict([*texts, "", "never seen", "x" * 50_000]):
        assert answer.label in labels
        assert 0 <= answer.probability <= 1


def test_two_rows_are_never_trusted_without_a_person() -> None:
    model = TextClassifier(WordEncoder()).fit(["one invoice", "two parcels"], ["a", "b"])
    assert all(answer.abstained for answer in model.predict(["one invoice"]))


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one text"):
        TextClassifier(None).fit([], [])
    with pytest.raises(ValueError, match="not trained"):
        TextClassifier(None).predict(["a"])


DESCRIPTIONS = {"billing": "invoice refund charge payment", "access": "password login account locked"}


def test_cold_start_follows_the_descriptions() -> None:
    cold = ColdStartClassifier(WordEncoder(), DESCRIPTIONS)
    billing, access = cold.predict(["a refund for the payment", "my password and my login"])
    assert (billing.label, access.label) == ("billing", "access")
    assert billing.probability > 0.5
    assert not billing.abstained


def test_cold_start_leaves_strangers_to_a_person() -> None:
    [answer] = ColdStartClassifier(WordEncoder(), DESCRIPTIONS).predict(["zebra saxophone moonlight"])
    assert answer.abstained


def test_examples_teach_a_cold_start_new_words() -> None:
    text = "the courier is late"
    plain = ColdStartClassifier(WordEncoder(), {**DESCRIPTIONS, "delivery": "goods on their way"})
    taught = ColdStartClassifier(
        WordEncoder(),
        {**DESCRIPTIONS, "delivery": "goods on their way"},
        {"delivery": ["courier late", "late courier"]},
    )
    column = taught.labels.index("delivery")
    assert taught.similarities([text])[0, column] > plain.similarities([text])[0, column]
    assert taught.predict([text])[0].label == "delivery"


def test_cold_start_needs_a_class() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ColdStartClassifier(WordEncoder(), {})
