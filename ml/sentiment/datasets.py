"""What the sentiment model is trained on: our own messages, our opinion phrases and public files given by path.

Public data is read from where the operator put it and never copied into the product.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ml.corpus.messages import DATA, SENTIMENTS, Answers, read_messages, read_moods
from ml.sentiment.heads import HEADS

LABELS = SENTIMENTS
TRAINED_LANGUAGES = frozenset({"en"})
_OPPOSITE = {"positive": "negative", "negative": "positive"}

# Grouped GoEmotions label ids (Demszky et al. 2020): 0 ambiguous, 1 negative, 2 neutral, 3 positive.
_GOEMOTIONS = {"1": "negative", "2": "neutral", "3": "positive"}


@dataclass(frozen=True)
class LabelledText:
    """One text with its sentiment and the group that must not be divided between training and measuring.

    ``answers`` holds what is true of the text for each of ``HEADS``; None when nobody was asked.
    """

    text: str
    label: str
    group: str
    source: str
    answers: tuple[bool, ...] | None = None


def head_answers(answers: Answers) -> tuple[bool, ...]:
    """What a reader's answers mean for each of ``HEADS``, in their order; "now" is pressing too."""
    true = {*answers.emotions, *answers.signals}
    if answers.urgency != "none":
        true.add("pressing")
    if answers.urgency == "now":
        true.add("now")
    return tuple(head in true for head in HEADS)


def read_corpus(folder: Path = DATA) -> list[LabelledText]:
    """Our own English messages, the fully labelled ones and the older ones; raises ``CorpusError`` at a bad line."""
    rows = [
        LabelledText(
            one.text, one.answers.sentiment, f"corpus/{one.group}", "corpus", head_answers(one.answers)
        )
        for one in read_messages(folder)
        if one.language in TRAINED_LANGUAGES
    ]
    return rows + [
        LabelledText(one.text, one.sentiment, f"corpus/{one.group}", "moods") for one in read_moods(folder)
    ]


def read_goemotions(paths: Sequence[Path]) -> list[LabelledText]:
    """Grouped GoEmotions TSV files (text, comma-joined label ids, comment id).

    Rows with several polarities are left out (no single truth); rows that are only ambiguous (surprise, curiosity,
    confusion) count as neutral: a support lead reads a question that way.
    """
    rows = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as handle:
            for record in csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(record) < 2:
                    continue
                polarities = {_GOEMOTIONS[key] for key in record[1].split(",") if key in _GOEMOTIONS}
                label = polarities.pop() if len(polarities) == 1 else "" if polarities else "neutral"
                if label:
                    group = record[2] if len(record) > 2 else record[0]
                    rows.append(LabelledText(record[0], label, f"goemotions/{group}", "goemotions"))
    return rows


def expand_opinions(count: int, seed: int = 0, folder: Path = DATA) -> list[LabelledText]:
    """``count`` short evaluative sentences, half of them positive, drawn from our phrase lists in ``opinions.json``.

    A frame such as "the {thing} is {adjective}" keeps or turns the polarity of the adjective ("far from {adjective}").
    They teach the vocabulary of praise and complaint that a few hundred messages cannot hold.
    """
    lists = json.loads((folder / "opinions.json").read_text(encoding="utf-8"))
    draw = random.Random(seed)  # noqa: S311 - order of rows, no secret
    rows = []
    for number in range(count):
        wanted = "positive" if number % 2 else "negative"
        frame = draw.choice(lists["frames"])
        used, other = (_OPPOSITE[wanted], wanted) if frame["turns"] else (wanted, _OPPOSITE[wanted])
        text = frame["text"].format(
            thing=draw.choice(lists["things"]),
            thing2=draw.choice(lists["things"]),
            adverb=draw.choice(lists["adverbs"]),
            adjective=draw.choice(lists[used]["adjectives"]),
            other=draw.choice(lists[used]["adjectives"]),
            verb=draw.choice(lists[used]["verbs"]),
            noun=draw.choice(lists[used]["nouns"]),
            noun2=draw.choice(lists[used]["nouns"]),
            opposite=draw.choice(lists[other]["adjectives"]),
            opposite_noun=draw.choice(lists[other]["nouns"]),
        )
        rows.append(LabelledText(text, wanted, f"opinions/{number}", "opinions"))
    return rows


_GREETINGS = ("Hi,\n\n", "Hello team,\n\n", "Good morning,\n\n", "Dear support,\n\n", "Hi there, ", "Hello, ")
_CLOSINGS = (
    "\n\nKind regards,\nAnna",
    "\n\nBest,\nMarc",
    "\n\nRegards",
    "\n\nThanks in advance\nJo",
    "\n\nSent from my phone",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def as_people_write(rows: Sequence[LabelledText], draw: random.Random) -> list[LabelledText]:
    """The rows, some with a greeting, a closing, typing errors or no punctuation: none of it may decide the answer."""
    return [replace(row, text=_varied(row.text, draw)) for row in rows]


def _varied(text: str, draw: random.Random) -> str:
    if draw.random() < 0.15:
        text = with_typos(text, draw)
    if draw.random() < 0.1:
        text = text.rstrip(".!? ") or text
    if draw.random() < 0.2:
        text = draw.choice(_GREETINGS) + text
    if draw.random() < 0.2:
        text += draw.choice(_CLOSINGS)
    return text


def with_typos(text: str, draw: random.Random) -> str:
    """The text with one typing error in about twelve words: letters swapped, lost, doubled or struck beside."""
    words = text.split(" ")
    for _ in range(max(1, len(words) // 12)):
        place = draw.randrange(len(words))
        word = words[place]
        if len(word) < 4 or not word.isalpha():
            continue
        at = draw.randrange(1, len(word) - 1)
        words[place] = draw.choice(
            (
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + draw.choice(_LETTERS) + word[at + 1 :],
            )
        )
    return " ".join(words)
