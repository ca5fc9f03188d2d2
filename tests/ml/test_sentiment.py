"""The shipped sentiment model and what surrounds it: scoring, mapping of foreign labels, the running score, the corpus."""

from pathlib import Path

import pytest

from ml.encoders import ModelUnavailable
from ml.metrics import classification_figures
from ml.sentiment import scorer
from ml.sentiment.conversation import conversation_score
from ml.sentiment.datasets import LABELS, expand_opinions, read_corpus, read_goemotions, split_by_group
from ml.sentiment.scorer import AdapterModel, label_columns, score_sentiment
from ml.sentiment.signs import spell_signs


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you so much, everything works perfectly now!", "positive"),
        ("This is the worst service I have ever had and I want my money back.", "negative"),
        ("How do I add a second user to our account?", "neutral"),
        ("Your support is great, I am very happy with the quick answer.", "positive"),
        ("I am furious: third outage this week and nobody answers.", "negative"),
        ("Please find attached the log file of 12 May.", "neutral"),
    ],
)
def test_plain_moods(text: str, label: str) -> None:
    [answer] = score_sentiment([text])
    assert answer.label == label
    assert answer.probability == pytest.approx(answer.probabilities[label])
    assert sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert answer.score == pytest.approx(answer.probabilities["positive"] - answer.probabilities["negative"])


def test_a_batch_answers_in_order() -> None:
    texts = ["I love it", "", "terrible, I am so disappointed " * 40, "   ", "I love it"]
    answers = score_sentiment(texts)
    assert [answer.label for answer in answers] == ["positive", "neutral", "negative", "neutral", "positive"]
    assert answers[1].score == 0
    assert answers[0].score == pytest.approx(answers[4].score, abs=0.02)
    assert score_sentiment([]) == []


def test_messages_that_it_never_saw() -> None:
    """The held-out situations of our corpus: the floor is well under the measured figure in the model card."""
    held_out = split_by_group(read_corpus())[2]
    answers = score_sentiment([row.text for row in held_out])
    import numpy as np

    confidence = np.array([answer.probability for answer in answers])
    figures = classification_figures(
        [row.label for row in held_out], [answer.label for answer in answers], confidence
    )
    assert figures["accuracy"] > 0.8
    assert figures["macro_f1"] > 0.8


def test_a_missing_adapter_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="train_sentiment"):
        AdapterModel(tmp_path)


def test_an_adapter_for_another_encoder_is_refused(tmp_path: Path) -> None:
    for name in ("adapter.safetensors", "adapter.json"):
        content = (scorer.ADAPTER_FOLDER / name).read_bytes()
        (tmp_path / name).write_bytes(content.replace(b"53aa51172d", b"00aa51172d"))
    with pytest.raises(ModelUnavailable, match="another encoder"):
        AdapterModel(tmp_path)


def test_the_shipped_adapter_is_small() -> None:
    assert (scorer.ADAPTER_FOLDER / "adapter.safetensors").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({0: "NEGATIVE", 1: "POSITIVE"}, {0: 0, 1: 2}),
        ({0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, {0: 0, 1: 1, 2: 2}),
        ({0: "LABEL_0", 1: "LABEL_1"}, {0: 0, 1: 2}),
        ({0: "positive", 1: "neutral", 2: "negative"}, {0: 2, 1: 1, 2: 0}),
        (
            {0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"},
            {0: 0, 1: 0, 2: 1, 3: 2, 4: 2},
        ),
    ],
)
def test_labels_of_other_models(names: dict[int, str], expected: dict[int, int]) -> None:
    assert label_columns(names, {}) == expected


def test_an_unknown_label_needs_the_setting() -> None:
    with pytest.raises(ModelUnavailable, match="SENTIMENT_LABELS"):
        label_columns({0: "grumpy", 1: "positive"}, {})
    assert label_columns({0: "grumpy", 1: "positive"}, {"grumpy": "negative"}) == {0: 0, 1: 2}


def test_a_configured_folder_without_safetensors_is_refused(settings: object, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    settings.SENTIMENT_MODEL = str(tmp_path)  # type: ignore[attr-defined]
    with pytest.raises(ModelUnavailable, match="safetensors"):
        score_sentiment(["hello"])


def test_newer_and_surer_messages_count_more() -> None:
    assert conversation_score([]) is None
    assert conversation_score([(0.5, 0.9, 3.0)]) == pytest.approx(0.5)
    # Half-life 21 days: the older message weighs half.
    assert conversation_score([(1.0, 1.0, 0.0), (-1.0, 1.0, 21.0)]) == pytest.approx((1 - 0.5) / 1.5)
    assert conversation_score([(1.0, 0.5, 0.0), (-1.0, 1.0, 0.0)]) == pytest.approx(-1 / 3)
    assert conversation_score([(1.0, 1.0, -5.0), (0.0, 1.0, 0.0)]) == pytest.approx(0.5)
    assert conversation_score([(1.0, 0.0, 0.0)]) is None


def test_the_corpus_is_balanced_and_free_of_repeats() -> None:
    rows = read_corpus()
    assert len(rows) >= 600
    assert len({row.text for row in rows}) == len(rows)
    for label in LABELS:
        assert 0.28 < sum(row.label == label for row in rows) / len(rows) < 0.40


def test_situations_never_cross_the_split() -> None:
    parts = split_by_group(read_corpus())
    groups = [{row.group for row in part} for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert all(groups)


def test_opinions_are_seeded_balanced_and_turned() -> None:
    rows = expand_opinions(400, seed=7)
    assert rows == expand_opinions(400, seed=7)
    assert rows != expand_opinions(400, seed=8)
    assert sum(row.label == "positive" for row in rows) == 200
    assert not any("{" in row.text for row in rows)


def test_goemotions_rows_without_one_polarity_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text(
        'a "quoted\t1\tx1\nmixed\t1,3\tx2\nodd?\t0\tx3\ngood\t0,3\tx4\nbroken\n', encoding="utf-8"
    )
    assert [(row.text, row.label) for row in read_goemotions([path])] == [
        ('a "quoted', "negative"),
        ("odd?", "neutral"),
        ("good", "positive"),
    ]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("no \U0001f621", "no  pouting face "),
        ("thanks :-)", "thanks  smiling face "),
        ("\U0001f44d\U0001f3fd", " thumbs up sign "),
        ("see http://a.example/:/b at 10:00 (5)", "see http://a.example/:/b at 10:00 (5)"),
    ],
)
def test_signs_become_words(text: str, spelled: str) -> None:
    assert spell_signs(text) == spelled
