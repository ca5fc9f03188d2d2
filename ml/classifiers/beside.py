"""What stands beside a text: its subject, marked apart from the rest, and facts such as the channel, as columns beside n-grams.

A fact is one column for each of its usual values, on or off; one that is unknown, or a value that training did not meet, leaves
all of them off. Texts without subject and facts have no columns at all, so they are classified as if this did not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A fact counts half as much as all words together (their rows have length one), however many words there are.
WEIGHT = 0.5
FEWEST = 3  # rows that show a value; fewer would name a ticket rather than describe it
MOST_VALUES = 40


@dataclass(frozen=True)
class TextInput:
    """A text with what stands beside it. ``has_subject``: its first line is a subject. Facts that are unknown are None."""

    text: str
    has_subject: bool = False
    facts: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """The first line, "" for a text without a subject."""
        return self.text.partition("\n")[0] if self.has_subject else ""


Input = str | TextInput


def text_of(given: Input) -> str:
    """The whole text."""
    return given if isinstance(given, str) else given.text


def subject_of(given: Input) -> str:
    """The subject, "" without one."""
    return "" if isinstance(given, str) else given.subject


def facts_of(given: Input) -> dict[str, str]:
    """The facts that are known."""
    return dict(_known(given))


def usual_facts(inputs: Sequence[Input]) -> list[tuple[str, str]]:
    """The (name, value) pairs that get a column: at least three rows show them; the commonest forty of a name, sorted."""
    seen: Counter[tuple[str, str]] = Counter()
    for given in inputs:
        seen.update(_known(given))
    chosen: list[tuple[str, str]] = []
    per_name: Counter[str] = Counter()
    for pair, count in sorted(seen.items(), key=lambda item: (-item[1], item[0])):
        if count >= FEWEST and per_name[pair[0]] < MOST_VALUES:
            per_name[pair[0]] += 1
            chosen.append(pair)
    return sorted(chosen)


def fact_columns(inputs: Sequence[Input], usual: Sequence[tuple[str, str]]) -> Any:
    """A sparse matrix ``(len(inputs), len(usual))``: 0.5 where an input has the fact, else 0."""
    from scipy.sparse import csr_matrix

    places = {pair: column for column, pair in enumerate(usual)}
    rows, columns = [], []
    for row, given in enumerate(inputs):
        for pair in _known(given):
            if pair in places:
                rows.append(row)
                columns.append(places[pair])
    values = np.full(len(rows), WEIGHT)
    return csr_matrix((values, (rows, columns)), shape=(len(inputs), len(usual)))


def _known(given: Input) -> list[tuple[str, str]]:
    if isinstance(given, str):
        return []
    return [(name, value) for name, value in given.facts.items() if value]
