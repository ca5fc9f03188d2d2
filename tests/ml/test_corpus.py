"""Our own corpus: every line checked, situations kept whole, nothing repeated across a split, the data sheet true."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from django.core.management import call_command

from ml.corpus.describing import cohen_kappa
from ml.corpus.messages import (
    DATA,
    CorpusError,
    read_hard_cases,
    read_messages,
    read_moods,
    read_second_opinions,
)
from ml.corpus.splits import split_by_group
from ml.sentiment.datasets import LABELS, expand_opinions, read_corpus
from ml.sentiment.heads import HEADS
from ml.sentiment.measuring import TEST, VALIDATION

GOOD = {
    "id": "x1", "group": "x", "author": "agent", "channel": "email", "lang": "en", "sent": "2026-03-11T09:42:00",
    "text": "We will send it by Friday.", "sentiment": "neutral", "emotions": [], "urgency": "none", "churn": False,
    "bug": False, "feature_request": False, "praise": False, "escalation": False,
    "promise": {"text": "send it by Friday", "due": "2026-03-13"},
}  # fmt: skip


def corpus(folder: Path, *rows: dict[str, object]) -> Path:
    (folder / "messages_x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_a_good_line_is_read(tmp_path: Path) -> None:
    [message] = read_messages(corpus(tmp_path, GOOD))
    assert message.answers.promise is not None
    assert str(message.answers.promise.due) == "2026-03-13"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": " "}, "empty"),
        ({"sentiment": "angry"}, "'angry' is no sentiment"),
        ({"emotions": ["joy"]}, r"no emotions: \['joy'\]"),
        ({"urgency": "later"}, "'later' is no urgency"),
        ({"churn": 1}, "churn is neither true nor false"),
        ({"channel": "fax"}, "'fax' is no channel"),
        ({"lang": "xx"}, "'xx' is no lang"),
        ({"sent": "yesterday"}, "yesterday"),
        ({"promise": {"text": "send a pony", "due": None}}, "not in the text"),
        ({"promise": {"text": "send it", "due": "Friday"}}, "Friday"),
        ({"author": "customer"}, "only agents promise"),
        ({"mood": "bad"}, r"missing or too many: \['mood'\]"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    with pytest.raises(CorpusError, match=r"messages_x\.jsonl:2: .*" + reason):
        read_messages(corpus(tmp_path, GOOD, GOOD | {"id": "x2"} | change))


def test_an_id_occurs_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="the id x1 occurs twice"):
        read_messages(corpus(tmp_path, GOOD, GOOD))


def test_broken_json_and_unknown_ids_of_second_opinions_are_named(tmp_path: Path) -> None:
    corpus(tmp_path, GOOD)
    (tmp_path / "second_opinions.jsonl").write_text(json.dumps(GOOD | {"id": "y1"}), encoding="utf-8")
    with pytest.raises(CorpusError, match="no message has the id y1"):
        read_second_opinions(tmp_path)
    (tmp_path / "messages_x.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"messages_x\.jsonl:1"):
        read_messages(tmp_path)


def test_the_corpus_is_as_large_and_varied_as_was_asked() -> None:
    messages = read_messages()
    assert len(messages) >= 2_500
    assert len(read_second_opinions()) == 400
    moods = Counter(one.answers.sentiment for one in messages)
    for label in LABELS:
        assert 0.24 < moods[label] / len(messages) < 0.42
    assert len({one.language for one in messages}) == 8
    assert len({one.channel for one in messages}) == 8
    assert sum(one.answers.promise is not None for one in messages) > 200


def test_situations_never_cross_the_split() -> None:
    parts = split_by_group(read_corpus(), VALIDATION, TEST)
    groups = [{row.group for row in part} for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert all(groups)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)} or {tuple(words)} - {()}


def test_no_near_repetition_crosses_the_split() -> None:
    """Two texts are near-repetitions when they share more than half of their runs of three words."""
    rows = [(one.text, f"corpus/{one.group}") for one in read_messages()]
    rows += [(one.text, f"corpus/{one.group}") for one in read_moods()]
    parts = split_by_group(rows, VALIDATION, TEST, key=lambda row: row[1])
    side = {row: number for number, part in enumerate(parts) for row in part}
    runs = [_shingles(text) for text, _ in rows]
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    crossing = []
    for place, own in enumerate(runs):
        shared = Counter(other for run in own for other in places[run])
        crossing += [
            (rows[other][0], rows[place][0])
            for other, count in shared.items()
            if count / len(own | runs[other]) > 0.5 and side[rows[other]] != side[rows[place]]
        ]
        for run in own:
            places[run].append(place)
    assert not crossing


def test_hard_cases_are_held_out() -> None:
    held_out = {
        one.id
        for one in split_by_group(read_messages(), VALIDATION, TEST, key=lambda one: f"corpus/{one.group}")[2]
    }
    for kind, ids in read_hard_cases().items():
        assert len(ids) >= 9, kind
        assert ids <= held_out, kind


def test_rows_carry_the_answers_of_their_message() -> None:
    rows = {row.text: row for row in read_corpus()}
    urgent = next(
        one
        for one in read_messages()
        if one.language == "en" and one.answers.urgency == "now" and one.answers.signals
    )
    answers = rows[urgent.text].answers
    assert answers is not None
    true = {head for head, yes in zip(HEADS, answers, strict=True) if yes}
    assert true == {"now", "pressing", *urgent.answers.signals, *urgent.answers.emotions}
    assert any(row.answers is None for row in rows.values())


def test_the_data_sheet_says_what_the_files_hold(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("describe_corpus")
    assert capsys.readouterr().out in (DATA.parent / "README.md").read_text(encoding="utf-8")


def test_kappa_counts_agreement_beyond_chance() -> None:
    assert cohen_kappa([1, 1, 0, 0], [1, 1, 0, 0]) == 1
    assert cohen_kappa([1, 1, 0, 0], [1, 0, 1, 0]) == 0
    assert cohen_kappa([1, 0, 1, 0], [0, 1, 0, 1]) == -1
    assert cohen_kappa([0, 0], [0, 0]) is None


def test_opinions_are_seeded_balanced_and_turned() -> None:
    rows = expand_opinions(400, seed=7)
    assert rows == expand_opinions(400, seed=7)
    assert rows != expand_opinions(400, seed=8)
    assert sum(row.label == "positive" for row in rows) == 200
    assert not any("{" in row.text for row in rows)
