"""The shipped sentiment model and what surrounds it: reading, languages, foreign labels, calibration, the running score."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ml.corpus.messages import read_hard_cases, read_messages
from ml.corpus.splits import split_by_group
from ml.encoders import ModelUnavailable
from ml.metrics import classification_figures
from ml.sentiment import scorer
from ml.sentiment.calibration import Calibration, best_threshold, fit_platt
from ml.sentiment.conversation import conversation_score
from ml.sentiment.datasets import LabelledText, read_corpus, read_goemotions
from ml.sentiment.heads import HEADS
from ml.sentiment.measuring import TEST, VALIDATION, f1
from ml.sentiment.scorer import AdapterModel, Reading, Sentiment, label_columns, score_messages
from ml.sentiment.signs import readable, spell_signs


def score_sentiment(texts: list[str]) -> list[Sentiment]:
    return [reading.sentiment for reading in score_messages(texts)]


FLOOR = 0.74


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


@cache
def held_out_readings() -> tuple[list[LabelledText], list[Reading]]:
    """Every second of the held-out messages and what the model reads in it, once for each process: reading takes time."""
    held_out = split_by_group(read_corpus(), VALIDATION, TEST)[2][::2]
    return held_out, score_messages([row.text for row in held_out])


def test_messages_that_it_never_saw() -> None:
    """The held-out situations of our corpus: the floors are well under the measured figures in the model card."""
    held_out, readings = held_out_readings()
    confidence = np.array([reading.sentiment.probability for reading in readings])
    figures = classification_figures(
        [row.label for row in held_out], [reading.sentiment.label for reading in readings], confidence
    )
    assert figures["macro_f1"] > FLOOR
    assert figures["ece"] < 0.08


@pytest.mark.parametrize(
    ("kind", "floor"), [("sarcasm", 0.45), ("hidden anger", 0.5), ("negation", 0.4), ("turning mood", 0.6)]
)
def test_hard_cases_that_it_never_saw(kind: str, floor: float) -> None:
    """Far above the third that guessing gets; "mixed" is not here: 7 of 18 are right (model card)."""
    hard = read_hard_cases()[kind]
    messages = [one for one in read_messages() if one.id in hard]
    said = [reading.sentiment.label for reading in score_messages([one.text for one in messages])]
    right = sum(one == message.answers.sentiment for one, message in zip(said, messages, strict=True))
    assert right / len(messages) > floor


@pytest.mark.parametrize(("head", "floor"), [("bug", 0.6), ("gratitude", 0.65), ("pressing", 0.55)])
def test_answers_about_messages_that_it_never_saw(head: str, floor: float) -> None:
    pairs = [
        (row.answers, reading)
        for row, reading in zip(*held_out_readings(), strict=True)
        if row.answers is not None
    ]
    said = np.array([head in reading.true for _, reading in pairs])
    truth = np.array([answers[HEADS.index(head)] for answers, _ in pairs])
    assert f1(truth, said) > floor


@pytest.mark.parametrize(
    "text",
    [
        "Hallo, seit gestern geht bei uns gar nichts mehr. Was soll ich tun?",
        "Bonjour, je suis vraiment déçue, rien ne marche depuis lundi.",
        "Es un desastre, llevo una semana esperando y nadie contesta.",
        "Ik ben hier helemaal klaar mee, dit werkt nooit.",
        "Это ужасно, ничего не работает",
        "もう二度と使いません",
    ],
)
def test_other_languages_get_no_answer(text: str) -> None:
    [reading] = score_messages([text])
    assert not reading.supported
    assert (reading.sentiment.label, reading.sentiment.score) == ("neutral", 0)
    assert reading.sentiment.probability == pytest.approx(1 / 3)
    assert reading.answers == {}
    assert (reading.true, reading.urgency) == (frozenset(), "none")


def test_a_model_of_other_languages_answers_for_them(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Multilingual:
        version = "multi"

        def probabilities(self, texts: list[str]) -> object:
            return np.array([[0.7, 0.2, 0.1]] * len(texts))

    monkeypatch.setattr(scorer, "sentiment_model", Multilingual)
    german, polish, english = (
        "Das ist leider nicht gut.",
        "To nie jest dobre, proszę o pomoc.",
        "This is not good.",
    )
    settings.SENTIMENT_LANGUAGES = ["de", "en"]  # type: ignore[attr-defined]
    readings = score_messages([german, polish, english])
    assert [one.supported for one in readings] == [True, False, True]
    assert readings[0].sentiment.label == "negative"
    # What our adapter reads besides the mood it reads in English alone.
    assert [bool(one.answers) for one in readings] == [False, False, True]
    settings.SENTIMENT_LANGUAGES = []  # type: ignore[attr-defined]
    assert all(one.supported for one in score_messages([german, polish, english]))


def test_one_pass_gives_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = scorer.sentiment_model()
    passes: list[int] = []
    plain = AdapterModel._passed

    def counted(self: AdapterModel, texts: list[str]) -> object:
        passes.append(len(texts))
        return plain(self, texts)

    monkeypatch.setattr(AdapterModel, "_passed", counted)
    [reading] = score_messages(["The export fails with error 500. We need it today or we cancel."])
    assert passes == [1]
    assert set(reading.answers) == set(HEADS)
    assert all(0 <= probability <= 1 for probability in reading.answers.values())
    assert isinstance(model, AdapterModel)
    over = {head for head in HEADS if reading.answers[head] >= model.thresholds[head]}
    assert reading.true == over


def test_urgency_follows_the_answers() -> None:
    mood = Sentiment("neutral", 1.0, 0.0, {})
    told = [
        Reading(mood, "en", True, {}, frozenset(true)).urgency
        for true in ((), ("pressing",), ("now", "pressing"), ("now",))
    ]
    assert told == ["none", "soon", "now", "now"]


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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("@acme @help where is it", "where is it"),
        (".@acme_air late, thanks @anna", "late, thanks anna"),
        ("see https://x.example/a?b=1 now", "see link now"),
        ("#NeverAgain #fail #1", "Never Again fail #1"),
        ("you &amp; me", "you & me"),
        ("sooooo loooong 1000", "soo loong 1000"),
        ("write to jo@x.example", "write to jo@x.example"),
        ("@acme", "acme"),
    ],
)
def test_posts_become_readable(text: str, read: str) -> None:
    assert readable(text) == read


def test_calibration_of_answers() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=4_000)
    truth = draw.random(4_000) < 1 / (1 + np.exp(-(2 * logits - 1)))
    slope, offset = fit_platt(logits, truth)
    assert (slope, offset) == (pytest.approx(2, abs=0.2), pytest.approx(-1, abs=0.15))
    assert fit_platt(logits, np.zeros(4_000, dtype=bool)) == (1.0, 0.0)
    right = np.where(truth, 0.7, 0.3)
    assert 0.3 < best_threshold(right, truth) <= 0.7
    assert best_threshold(right, np.zeros(4_000, dtype=bool)) == 0.5


def test_calibration_survives_the_card() -> None:
    draw = np.random.default_rng(0)
    known = Calibration(1.7, draw.random(len(HEADS)) + 0.5, draw.normal(size=len(HEADS)))
    logits = draw.normal(size=(5, 3 + len(HEADS)))
    for one, other in zip(known.applied(logits), Calibration.of(known.stored()).applied(logits), strict=True):
        assert np.array_equal(one, other)
