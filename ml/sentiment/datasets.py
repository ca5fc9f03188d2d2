"""Labelled texts for sentiment: our own corpus, our opinion phrases and public files given by path.

Public data is read from where the operator put it and never copied into the product. Splits are by hash of a group,
so that paraphrases of one situation stay on one side and the same command gives the same split everywhere.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = ("negative", "neutral", "positive")
_OPPOSITE = {"positive": "negative", "negative": "positive"}
CORPUS_FOLDER = Path(__file__).parent / "corpus"

# Grouped GoEmotions label ids (Demszky et al. 2020): 0 ambiguous, 1 negative, 2 neutral, 3 positive.
_GOEMOTIONS = {"1": "negative", "2": "neutral", "3": "positive"}


@dataclass(frozen=True)
class LabelledText:
    """One text with its sentiment and the group that must not be divided between training and measuring."""

    text: str
    label: str
    group: str
    source: str


def share_of(group: str) -> float:
    """A number in [0, 1) that depends on the group alone; splits compare it with their shares."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64


def split_by_group(
    rows: Iterable[LabelledText], validation: float = 0.1, test: float = 0.2
) -> tuple[list[LabelledText], list[LabelledText], list[LabelledText]]:
    """Divide rows into (training, validation, test) by the hash of their group; shares are fractions of groups."""
    parts: tuple[list[LabelledText], list[LabelledText], list[LabelledText]] = ([], [], [])
    for row in rows:
        position = share_of(row.group)
        parts[2 if position < test else 1 if position < test + validation else 0].append(row)
    return parts


def read_corpus(folder: Path = CORPUS_FOLDER) -> list[LabelledText]:
    """Our own support messages: every ``*.jsonl`` in the folder; raises ``ValueError`` naming a bad line."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            record = json.loads(line)
            if record["label"] not in LABELS or not record["text"].strip():
                raise ValueError(f"{path.name}:{number}: label or text is not valid")
            rows.append(LabelledText(record["text"], record["label"], f"corpus/{record['group']}", "corpus"))
    return rows


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


def expand_opinions(count: int, seed: int = 0, folder: Path = CORPUS_FOLDER) -> list[LabelledText]:
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


def with_greetings(rows: Sequence[LabelledText], draw: random.Random) -> list[LabelledText]:
    """The rows with a greeting (one in four) or closing (one in four): politeness must not decide the label."""
    varied = []
    for row in rows:
        opening = draw.choice(_GREETINGS) if draw.random() < 0.25 else ""
        closing = draw.choice(_CLOSINGS) if draw.random() < 0.25 else ""
        varied.append(LabelledText(opening + row.text + closing, row.label, row.group, row.source))
    return varied
