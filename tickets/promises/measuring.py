"""Figures of the reading of promises on our own corpus: the part that the rules were written on, and the one they never saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ml.corpus.messages import OwnMessage, read_messages
from ml.corpus.splits import share_of
from tickets.promises.phrases import LANGUAGES, FoundPromise, promises_in

HELD_OUT = 0.2


@dataclass
class PromiseFigures:
    """Counts over answers of agents; ``hit`` are those with a promise in which the promised words were found."""

    answers: int = 0
    promised: int = 0
    found: int = 0
    hit: int = 0
    due_right: int = 0

    @property
    def precision(self) -> float:
        """Of the answers in which something was found, those that hold that promise."""
        return self.hit / max(self.found, 1)

    @property
    def recall(self) -> float:
        """Of the answers with a promise, those in which it was found."""
        return self.hit / max(self.promised, 1)

    @property
    def due_accuracy(self) -> float:
        """Of the promises found, those with the right day, or rightly without one."""
        return self.due_right / max(self.hit, 1)


def corpus_parts() -> tuple[list[OwnMessage], list[OwnMessage]]:
    """Answers of agents in the languages that are read: (to write rules on, held out), whole situations each."""
    answers = [one for one in read_messages() if one.author == "agent" and one.language in LANGUAGES]
    held = [one for one in answers if share_of(f"corpus/{one.group}") < HELD_OUT]
    return [one for one in answers if one not in held], held


def promise_figures(messages: Iterable[OwnMessage]) -> PromiseFigures:
    """Measure on labelled answers; of several promises found in one, the best counts, and the answer counts once."""
    figures = PromiseFigures()
    for one in messages:
        figures.answers += 1
        promise = one.answers.promise
        found = promises_in(one.text, one.sent, one.language)
        figures.promised += promise is not None
        figures.found += bool(found)
        if promise is None or not found:
            continue
        start = one.text.index(promise.text)
        same = [row for row in found if _overlap(row, start, start + len(promise.text))]
        if not same:
            continue
        figures.hit += 1
        days = {row.due.day if row.due else None for row in same}
        figures.due_right += promise.due in days
    return figures


def _overlap(found: FoundPromise, start: int, end: int) -> bool:
    return found.start < end and start < found.end
