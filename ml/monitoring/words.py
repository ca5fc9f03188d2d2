"""What the texts of a window say that those of the reference did not: the share of unknown words, and the terms behind it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ml.classifiers.features import prepare, readable_terms

SHOWN_TERMS = 10
EXAMPLES = 3
# A word of fewer subjects may be somebody's name, and says nothing about many.
FEWEST_SUBJECTS = 5
LEAST_Z = 4.0
PRIOR = 500.0
_WORD = re.compile(r"[^\W\d_][\w'-]+")


@dataclass(frozen=True)
class NewTerm:
    """A word or pair of words that more texts hold than before; shares are of texts, ``z`` of the log-odds."""

    term: str
    before: float
    after: float
    z: float
    examples: Sequence[int]


def words_of(text: str) -> list[str]:
    """The words of a text in their order, without numbers and single letters."""
    return _WORD.findall(prepare(text))


def unknown_shares(known: Iterable[str], texts: Iterable[str]) -> list[float]:
    """The share (0..1) of each text's words that no text of ``known`` holds; 0 for a text without words."""
    vocabulary = {word for text in known for word in words_of(text)}
    shares = []
    for text in texts:
        words = words_of(text)
        unknown = sum(word not in vocabulary for word in words)
        shares.append(unknown / len(words) if words else 0.0)
    return shares


def new_terms(reference: Sequence[str], window: Mapping[int, str]) -> list[NewTerm]:
    """Terms by the log-odds of a text to hold them, against a prior of what all texts together say.

    The prior keeps rare words from the top, where a plain ratio would put them. A term counts once for each text, is held by at
    least five subjects of ``window`` (texts by subject) and rises by four standard errors.
    """
    before = Counter(term for text in reference for term in _terms(text))
    subjects: dict[str, list[int]] = defaultdict(list)
    for subject, text in window.items():
        for term in _terms(text):
            subjects[term].append(subject)
    after = Counter({term: len(held) for term, held in subjects.items()})
    total_before, total_after = sum(before.values()), sum(after.values())
    both = total_before + total_after
    found: dict[str, float] = {}
    for term, count in after.items():
        if count < FEWEST_SUBJECTS:
            continue
        prior = PRIOR * (count + before[term]) / both
        z = _log_odds(count, total_after, prior) - _log_odds(before[term], total_before, prior)
        z /= math.sqrt(1 / (count + prior) + 1 / (before[term] + prior))
        if z >= LEAST_Z:
            found[term] = z
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        NewTerm(
            term,
            round(before[term] / max(1, len(reference)), 4),
            round(after[term] / len(window), 4),
            round(z, 1),
            subjects[term][:EXAMPLES],
        )
        for term, z in readable_terms(ranked, SHOWN_TERMS)
    ]


def _terms(text: str) -> set[str]:
    words = words_of(text)
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}


def _log_odds(count: int, total: int, prior: float) -> float:
    # Where every text says one word alone, there is no other to have odds against.
    return math.log((count + prior) / max(1.0, total + PRIOR - count - prior))
