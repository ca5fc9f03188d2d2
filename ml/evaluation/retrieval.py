"""Measuring retrieval on questions whose right entry is known: by words, by vectors, and by the mix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import CommandError

from ml.evaluation.csv_tables import read_table
from ml.metrics import Floats
from ml.retrieval.catalogue import Catalogue, Entry
from ml.retrieval.ranking import bm25_scores, mixed, ranks_of

FOLDS = 5
GRID = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
RESAMPLES = 2_000


@dataclass(frozen=True)
class Questions:
    """Questions with the position of the right entry of each."""

    texts: Sequence[str]
    wanted: Sequence[int]


def read_corpus(path: Path) -> dict[str, Entry]:
    """Entries by id, from a JSON list of ``{"id", "question", "answers"}`` or a CSV file with ``id, question, answer``.

    ``answers`` may be one text or a list. Raises ``CommandError`` that names the file and what is wrong with it.
    """
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
    else:
        rows = read_table(path, ["id", "question"])
    if not isinstance(rows, list) or not rows:
        raise CommandError(f"{path} holds no list of entries")
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or "id" not in row or not str(row.get("question", "")).strip():
            raise CommandError(f'{path} entry {number} has no "id" or no "question"')
        answers = row.get("answers", row.get("answer", ""))
        text = "\n".join(map(str, answers)) if isinstance(answers, list) else str(answers)
        if str(row["id"]) in entries:
            raise CommandError(f"{path} has two entries with the id {row['id']}")
        entries[str(row["id"])] = Entry(str(row["question"]), text)
    return entries


def read_questions(path: Path, text: str, right: str, corpus: dict[str, Entry]) -> Questions:
    """Questions of a CSV file; raises ``CommandError`` for an id that the corpus does not have."""
    places = {key: place for place, key in enumerate(corpus)}
    rows = [row for row in read_table(path, [text, right]) if row[text].strip()]
    if not rows:
        raise CommandError(f'{path}: every cell of column "{text}" is empty')
    for row in rows:
        if row[right].strip() not in places:
            raise CommandError(f'{path}: the corpus has no entry "{row[right]}"')
    return Questions([row[text] for row in rows], [places[row[right].strip()] for row in rows])


def retrieval_figures(ranks: Floats, groups: Sequence[int]) -> dict[str, Any]:
    """``p_at_1`` and ``mrr`` with 95 % intervals of a bootstrap over groups: questions of one entry hang together."""
    groups_of = np.asarray(groups)
    members = [np.flatnonzero(groups_of == one) for one in np.unique(groups_of)]
    draw = np.random.default_rng(0)
    hits, reciprocal = (ranks == 1).astype(float), 1 / ranks
    sums = np.array([[hits[rows].sum(), reciprocal[rows].sum(), len(rows)] for rows in members])
    totals = sums[draw.integers(0, len(members), (RESAMPLES, len(members)))].sum(axis=1)
    figures: dict[str, Any] = {}
    for column, (name, values) in enumerate((("p_at_1", hits), ("mrr", reciprocal))):
        low, high = np.quantile(totals[:, column] / totals[:, 2], [0.025, 0.975])
        figures[name] = {"value": float(values.mean()), "low": float(low), "high": float(high)}
    return figures


def measure(catalogue: Catalogue, questions: Questions, vectors: Any) -> dict[str, Any]:
    """Figures by method. The mix appears twice: with the shipped weights, and ``mix_chosen`` with weights chosen on the
    other four fifths of the entries for each fifth, so that no question helped to choose the weights it is judged by."""
    parts = catalogue.parts(questions.texts, vectors)
    wholes = [entry.whole for entry in catalogue.entries]
    ranked = {
        "words_bm25": ranks_of(bm25_scores(questions.texts, wholes), questions.wanted),
        "words_tfidf": ranks_of(parts[2], questions.wanted),
        "title_vector": ranks_of(parts[0], questions.wanted),
        "whole_vector": ranks_of(parts[1], questions.wanted),
        "mix": ranks_of(catalogue.scores(questions.texts, vectors), questions.wanted),
    }
    ranked["mix_chosen"], chosen = _cross_validated(parts, questions.wanted)
    figures = {name: retrieval_figures(ranks, questions.wanted) for name, ranks in ranked.items()}
    figures["mix_chosen"]["weights"] = chosen
    return figures


def _cross_validated(parts: Sequence[Floats], wanted: Sequence[int]) -> tuple[Floats, list[list[float]]]:
    """Ranks of held-out questions, and the weights (title, whole, words) chosen for each fifth of the entries."""
    right = np.asarray(wanted)
    entries = np.unique(right)
    fold_of_entry = np.random.default_rng(0).permutation(len(entries)) % FOLDS
    folds = fold_of_entry[np.searchsorted(entries, right)]
    tried = {
        (1.0, whole, words): ranks_of(mixed(parts, (1.0, whole, words)), wanted)
        for whole, words in product(GRID, GRID)
    }
    held_out: Floats = np.ones(len(right))
    chosen: list[list[float]] = []
    for fold in range(FOLDS):
        if not (folds == fold).any():
            continue
        others = folds != fold
        best = (
            max(tried, key=lambda one: ((tried[one][others] == 1).mean(), (1 / tried[one][others]).mean()))
            if others.any()
            else (1.0, 0.0, 0.0)
        )
        held_out[folds == fold] = tried[best][folds == fold]
        chosen.append(list(best))
    return held_out, chosen
