"""Figures of a sentiment model: on any labelled texts, and on our own corpus with its other answers and slices.

Intervals are bootstrapped over groups (Efron 1979): messages about one situation are right or wrong together.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.corpus.describing import length_name
from ml.corpus.messages import OwnMessage, read_hard_cases, read_messages
from ml.metrics import Floats, calibration_error, classification_figures
from ml.sentiment.datasets import LABELS, TRAINED_LANGUAGES, LabelledText, with_typos
from ml.sentiment.heads import HEADS
from ml.sentiment.scorer import AdapterModel, SentimentModel

Numbers = npt.NDArray[np.int_]
Flags = npt.NDArray[np.bool_]

VALIDATION = 0.15
TEST = 0.2
RESAMPLED = 1_000


def mood_figures(probabilities: Floats, rows: Sequence[LabelledText]) -> dict[str, Any]:
    """Three-class figures of the rows, with 95 % intervals for accuracy and macro-F1."""
    truth = np.array([LABELS.index(row.label) for row in rows])
    predicted = probabilities.argmax(1)
    figures = classification_figures(
        [row.label for row in rows], [LABELS[column] for column in predicted], probabilities.max(1)
    )
    groups = [row.group for row in rows]
    return {
        "rows": len(rows),
        **figures,
        "accuracy_95": interval(groups, lambda at: float((truth[at] == predicted[at]).mean())),
        "macro_f1_95": interval(groups, lambda at: macro_f1(truth[at], predicted[at])),
        "f1": {
            label: round(f1(truth == column, predicted == column), 4) for column, label in enumerate(LABELS)
        },
    }


def head_figures(
    probabilities: Floats, thresholds: Mapping[str, float], rows: Sequence[LabelledText]
) -> dict[str, dict[str, Any]]:
    """Per head: how many are true, average precision, F1, precision and recall at the threshold, calibration error."""
    from sklearn.metrics import average_precision_score

    truth = np.array([row.answers for row in rows], dtype=bool)
    groups = [row.group for row in rows]
    figures: dict[str, dict[str, Any]] = {}
    for column, head in enumerate(HEADS):
        true, probability = truth[:, column], probabilities[:, column]
        said = probability >= thresholds[head]
        figures[head] = {
            "true": int(true.sum()),
            "average_precision": float(average_precision_score(true, probability)) if true.any() else None,
            "f1": f1(true, said),
            "f1_95": interval(groups, partial(_f1_at, true, said)),
            "precision": float(true[said].mean()) if said.any() else None,
            "recall": float(said[true].mean()) if true.any() else None,
            "ece": calibration_error(probability, true.astype(float)),
            "threshold": thresholds[head],
        }
    return figures


def corpus_figures(
    model: SentimentModel, rows: Sequence[LabelledText], messages: Sequence[OwnMessage]
) -> dict[str, Any]:
    """Everything about held-out rows of our corpus: moods, slices, heads of the fully labelled, other languages.

    ``rows`` are English; the slices are cut by what ``messages``, all fully labelled ones, say about the same texts.
    """
    moods, answers = _read(model, [row.text for row in rows])
    result: dict[str, Any] = {"all": mood_figures(moods, rows)}
    asked = [place for place, row in enumerate(rows) if row.answers is not None]
    older = [place for place, row in enumerate(rows) if row.answers is None]
    for name, places in (("fully labelled", asked), ("older, sentiment alone", older)):
        if places:
            result[name] = mood_figures(moods[places], [rows[place] for place in places])
    place_of = {(row.text, row.group): place for place, row in enumerate(rows)}
    known = [one for one in messages if (one.text, f"corpus/{one.group}") in place_of]
    at = [place_of[one.text, f"corpus/{one.group}"] for one in known]
    result["slices"] = _sliced(known, moods[at])
    if answers is not None and isinstance(model, AdapterModel) and asked:
        result["heads"] = head_figures(answers[asked], model.thresholds, [rows[place] for place in asked])
    return result


def robustness_figures(model: SentimentModel, rows: Sequence[LabelledText]) -> dict[str, dict[str, float]]:
    """How many answers stay, and the accuracy, when the same rows are written otherwise."""
    plain = _read(model, [row.text for row in rows])[0].argmax(1)
    truth = np.array([LABELS.index(row.label) for row in rows])
    draw = random.Random(0)  # noqa: S311 - noise, no secret
    ways: dict[str, Callable[[str], str]] = {
        "capitals": str.upper,
        "typing errors": lambda text: with_typos(text, draw),
        "no punctuation": lambda text: re.sub(r"[.,!?;:]+", "", text),
        "greeting and closing": lambda text: f"Hello,\n\n{text}\n\nKind regards,\nJo Example\nOffice manager",
    }
    figures = {}
    for name, change in ways.items():
        said = _read(model, [change(row.text) for row in rows])[0].argmax(1)
        figures[name] = {
            "same answer": round(float((said == plain).mean()), 4),
            "accuracy": round(float((said == truth).mean()), 4),
        }
    return figures


def foreign_figures(model: SentimentModel) -> dict[str, dict[str, Any]]:
    """Accuracy of the bare model per language that it was not trained on: why its answer is not shown there."""
    rows: dict[str, list[OwnMessage]] = {}
    for one in read_messages():
        if one.language not in TRAINED_LANGUAGES:
            rows.setdefault(one.language, []).append(one)
    figures = {}
    for language, messages in sorted(rows.items()):
        said = _read(model, [one.text for one in messages])[0].argmax(1)
        truth = np.array([LABELS.index(one.answers.sentiment) for one in messages])
        figures[language] = {
            "rows": len(messages),
            "accuracy": round(float((said == truth).mean()), 4),
            "macro_f1": round(macro_f1(truth, said), 4),
        }
    return figures


def _read(model: SentimentModel, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
    return model.read(texts) if isinstance(model, AdapterModel) else (model.probabilities(texts), None)


def _sliced(messages: Sequence[OwnMessage], moods: Floats) -> dict[str, dict[str, Any]]:
    truth = np.array([LABELS.index(one.answers.sentiment) for one in messages])
    said = moods.argmax(1)
    hard = read_hard_cases()
    places: dict[str, list[int]] = {}
    for place, one in enumerate(messages):
        for kind, ids in hard.items():
            if one.id in ids:
                places.setdefault(f"hard: {kind}", []).append(place)
        for name in (f"author {one.author}", f"channel {one.channel}", length_name(one.text)):
            places.setdefault(name, []).append(place)
    return {
        name: {
            "rows": len(at),
            "accuracy": round(float((truth[at] == said[at]).mean()), 4),
            "macro_f1": round(macro_f1(truth[at], said[at]), 4),
        }
        for name, at in sorted(places.items())
    }


def f1(truth: Flags, said: Flags) -> float:
    """F1 of "yes"; 0 when nothing is true and nothing was said."""
    return float(2 * (truth & said).sum() / max(truth.sum() + said.sum(), 1))


def _f1_at(truth: Flags, said: Flags, at: Numbers) -> float:
    return f1(truth[at], said[at])


def macro_f1(truth: Numbers, said: Numbers) -> float:
    """Mean F1 over the classes that occur in either."""
    return float(np.mean([f1(truth == one, said == one) for one in np.unique(np.concatenate([truth, said]))]))


def interval(groups: Sequence[str], figure: Callable[[Numbers], float]) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of ``figure(positions)`` over 1,000 resamplings of the groups."""
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    parts = [np.array(places) for places in members.values()]
    draw = np.random.default_rng(0)
    values = [
        figure(np.concatenate([parts[one] for one in draw.integers(0, len(parts), len(parts))]))
        for _ in range(RESAMPLED)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def corpus_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The figures of our corpus as a table for people."""
    yield f"{'':<28}{'rows':>6}{'accuracy':>10}{'95 %':>16}{'macro-F1':>10}{'95 %':>16}{'ECE':>8}"
    for name in ("all", "fully labelled", "older, sentiment alone"):
        one = figures.get(name)
        if one:
            yield (
                f"{name:<28}{one['rows']:>6}{one['accuracy']:>10.3f}{_between(one['accuracy_95']):>16}"
                f"{one['macro_f1']:>10.3f}{_between(one['macro_f1_95']):>16}{one['ece']:>8.3f}"
            )
    for part in ("slices", "other languages"):
        for name, one in figures.get(part, {}).items():
            yield f"{name:<28}{one['rows']:>6}{one['accuracy']:>10.3f}{'':>16}{one['macro_f1']:>10.3f}"
    for name, one in figures.get("robustness", {}).items():
        yield f"{name:<28}{'':>6}{one['accuracy']:>10.3f}{one['same answer']:>16.3f} same answer"
    if "heads" in figures:
        yield f"{'answer':<28}{'true':>6}{'AP':>8}{'F1':>8}{'95 %':>16}{'precision':>11}{'recall':>8}{'ECE':>8}"
    for name, one in figures.get("heads", {}).items():
        yield (
            f"{name:<28}{one['true']:>6}{_shown(one['average_precision']):>8}{one['f1']:>8.3f}"
            f"{_between(one['f1_95']):>16}{_shown(one['precision']):>11}{_shown(one['recall']):>8}{one['ece']:>8.3f}"
        )


def _between(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.3f}-{bounds[1]:.3f}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
