"""What is looked at before anything is learned: each check says what it saw and what it allows.

``block`` stops the training: learning from such rows gives a model that is wrong or cannot be judged. ``warn`` is shown
beside the version. A check sees the rows, the task's features and the former snapshot's label counts; it reads no table.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ml.datasets.rows import Example

SAMPLES = 5
FEWEST_OF_A_CLASS = 30
MOST_DUPLICATES = 0.30
MOST_CONFLICTS = 0.02
MOST_LEAKS = 0.20
MOST_OF_ONE_CLASS = 0.95
MOST_MISSING = 0.5
TELLING_AUC = 0.98
STALE = timedelta(days=180)
SLACK = timedelta(minutes=5)  # clocks of two machines
SHRUNK = 0.5
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Data:
    """What checks look at. ``former`` are the label counts of the snapshot before this one, empty for the first.

    ``names`` gives the labels that are counted of a row's label: itself, or each of several at once. ``scores`` are features that
    may tell the outcome, as they are answers of another model.
    """

    examples: Sequence[Example]
    fewest_rows: int
    now: datetime
    former: Mapping[str, int] = field(default_factory=dict)
    names: Callable[[Any], Sequence[str]] = lambda label: [str(label)]
    scores: frozenset[str] = frozenset()

    def counts(self) -> Counter[str]:
        """How many rows have each label."""
        return Counter(name for one in self.examples for name in self.names(one.label))


@dataclass(frozen=True)
class Finding:
    """What a check saw: in words, what is allowed, and ids of subjects that show it."""

    ok: bool
    observed: str
    threshold: str
    samples: Sequence[int] = ()


@dataclass(frozen=True)
class Check:
    """A check with its key and severity."""

    key: str
    severity: str
    look: Callable[[Data], Finding]


def run_checks(data: Data) -> list[tuple[Check, Finding]]:
    """Every check's finding, in the order of their definition; no check but that of the size sees an empty set."""
    if not data.examples:
        return [(CHECKS[0], CHECKS[0].look(data))]
    return [(check, check.look(data)) for check in CHECKS]


def _enough_rows(data: Data) -> Finding:
    return Finding(
        len(data.examples) >= data.fewest_rows, f"{len(data.examples)} rows", f"at least {data.fewest_rows}"
    )


def _classes(data: Data) -> Finding:
    found = len({example.label for example in data.examples})
    return Finding(found >= 2, f"{found} labels", "at least 2")


def _labelled(data: Data) -> Finding:
    return _share(data, lambda one: one.label is None or one.label == "", 0.0, "without a label")


def _schema(data: Data) -> Finding:
    """Every row has the same features, each of one kind, and a text or not."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for one in data.examples:
        for name, value in one.features.items():
            if value is not None:
                kinds[name].add("number" if isinstance(value, bool | int | float) else type(value).__name__)
    mixed = sorted(name for name, found in kinds.items() if len(found) > 1)
    usual = Counter(tuple(sorted(one.features)) for one in data.examples).most_common(1)[0][0]
    odd = [one for one in data.examples if tuple(sorted(one.features)) != usual]
    observed = f"{len(odd)} rows with other features" + (
        f"; mixed kinds: {', '.join(mixed)}" if mixed else ""
    )
    return Finding(not mixed and not odd, observed, "one schema", _ids(odd))


def _not_empty(data: Data) -> Finding:
    def empty(one: Example) -> bool:
        return not one.text.strip() and not any(value is not None for value in one.features.values())

    return _share(data, empty, 0.0, "with nothing to learn from")


def _not_repeated(data: Data) -> Finding:
    """A subject stands once per moment; twice means that a join has multiplied rows."""
    seen: Counter[tuple[int, datetime]] = Counter((one.subject_id, one.at) for one in data.examples)
    return _share(data, lambda one: seen[one.subject_id, one.at] > 1, 0.0, "of one subject and moment twice")


def _not_from_the_future(data: Data) -> Finding:
    return _share(data, lambda one: one.at > data.now + SLACK, 0.0, "labelled in the future")


def _known_in_time(data: Data) -> Finding:
    """No feature rests on a fact that became available after the moment that it tells about."""
    return _share(
        data,
        lambda one: one.features_at is not None and one.features_at > one.at,
        0.0,
        "with a feature that was not available yet",
    )


def _no_telling_feature(data: Data) -> Finding:
    """No single number tells a yes/no outcome almost surely: it would have to come from after it."""
    labels = {one.label for one in data.examples}
    if labels - {0, 1} or len(labels) < 2:
        return Finding(True, "no yes/no outcome", f"AUC up to {TELLING_AUC}")
    from sklearn.metrics import roc_auc_score

    outcome = np.array([int(one.label) for one in data.examples])
    telling = []
    for name in data.examples[0].features.keys() - data.scores:
        values = [one.features.get(name) for one in data.examples]
        if not all(value is None or isinstance(value, bool | int | float) for value in values):
            continue
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        known = np.isfinite(numbers)
        if known.sum() < FEWEST_OF_A_CLASS or len(np.unique(outcome[known])) < 2:
            continue
        area = float(roc_auc_score(outcome[known], numbers[known]))
        if max(area, 1 - area) > TELLING_AUC:
            telling.append(f"{name} {max(area, 1 - area):.3f}")
    return Finding(not telling, ", ".join(telling) or "none", f"AUC up to {TELLING_AUC}")


def _no_conflicts(data: Data) -> Finding:
    labels: dict[str, set[Any]] = defaultdict(set)
    for one in data.examples:
        labels[_content(one)].add(one.label)
    return _share(data, lambda one: len(labels[_content(one)]) > 1, MOST_CONFLICTS, "alike with other labels")


def _few_duplicates(data: Data) -> Finding:
    seen: set[str] = set()
    copies: list[Example] = []
    for one in data.examples:
        content = _content(one)
        if content in seen:
            copies.append(one)
        seen.add(content)
    share = len(copies) / len(data.examples)
    return Finding(
        share <= MOST_DUPLICATES, f"{share:.0%} repeat another", f"up to {MOST_DUPLICATES:.0%}", _ids(copies)
    )


def _label_not_in_text(data: Data) -> Finding:
    """A text that names its own class was written by who chose it (a signature, a macro, a forwarded part)."""

    def names_itself(one: Example) -> bool:
        label = _WORD.findall(str(one.label).casefold())
        words = _WORD.findall(one.text.casefold())
        return bool(label) and any(words[at : at + len(label)] == label for at in range(len(words)))

    if all(not one.text for one in data.examples):
        return Finding(True, "no texts", f"up to {MOST_LEAKS:.0%}")
    return _share(data, names_itself, MOST_LEAKS, "name their own label")


def _class_minimum(data: Data) -> Finding:
    small = {label: count for label, count in data.counts().items() if count < FEWEST_OF_A_CLASS}
    observed = ", ".join(f"{label} {count}" for label, count in sorted(small.items())) or "none"
    return Finding(not small, observed[:200], f"at least {FEWEST_OF_A_CLASS} rows a label")


def _not_one_class(data: Data) -> Finding:
    label, count = Counter(one.label for one in data.examples).most_common(1)[0]
    share = count / len(data.examples)
    return Finding(
        share <= MOST_OF_ONE_CLASS, f"{share:.0%} are {label}"[:200], f"up to {MOST_OF_ONE_CLASS:.0%}"
    )


def _known_features(data: Data) -> Finding:
    missing = Counter(name for one in data.examples for name, value in one.features.items() if value is None)
    many = sorted(name for name, count in missing.items() if count > MOST_MISSING * len(data.examples))
    return Finding(not many, ", ".join(many)[:200] or "none", f"missing in up to {MOST_MISSING:.0%}")


def _varied_features(data: Data) -> Finding:
    values: dict[str, set[str]] = defaultdict(set)
    for one in data.examples:
        for name, value in one.features.items():
            values[name].add(str(value))
    same = sorted(name for name, found in values.items() if len(found) < 2)
    return Finding(not same, ", ".join(same)[:200] or "none", "at least 2 values a feature")


def _readable(data: Data) -> Finding:
    return _share(
        data, lambda one: "\ufffd" in one.text or "\x00" in one.text, 0.01, "with broken characters"
    )


def _fresh(data: Data) -> Finding:
    age = data.now - max(one.at for one in data.examples)
    return Finding(age <= STALE, f"newest label {max(0, age.days)} days old", f"up to {STALE.days} days")


def _same_labels(data: Data) -> Finding:
    present = set(data.counts())
    gone = sorted(set(data.former) - present)
    new = sorted(present - set(data.former)) if data.former else []
    told = [f"gone: {', '.join(gone)}"] if gone else []
    told += [f"new: {', '.join(new)}"] if new else []
    observed = "; ".join(told)
    return Finding(not gone and not new, observed[:200] or "unchanged", "the labels of the former snapshot")


def _not_shrunk(data: Data) -> Finding:
    former = sum(data.former.values())
    return Finding(
        data.counts().total() >= SHRUNK * former,
        f"{data.counts().total()} labels after {former}",
        "at least half",
    )


CHECKS: Sequence[Check] = (
    Check("enough_rows", "block", _enough_rows),
    Check("classes", "block", _classes),
    Check("labelled", "block", _labelled),
    Check("schema", "block", _schema),
    Check("not_empty", "block", _not_empty),
    Check("not_repeated", "block", _not_repeated),
    Check("not_from_the_future", "block", _not_from_the_future),
    Check("known_in_time", "block", _known_in_time),
    Check("no_telling_feature", "block", _no_telling_feature),
    Check("no_conflicts", "warn", _no_conflicts),
    Check("few_duplicates", "warn", _few_duplicates),
    Check("label_not_in_text", "warn", _label_not_in_text),
    Check("class_minimum", "warn", _class_minimum),
    Check("not_one_class", "warn", _not_one_class),
    Check("known_features", "warn", _known_features),
    Check("varied_features", "warn", _varied_features),
    Check("readable", "warn", _readable),
    Check("fresh", "warn", _fresh),
    Check("same_labels", "warn", _same_labels),
    Check("not_shrunk", "warn", _not_shrunk),
)


def _share(data: Data, bad: Callable[[Example], bool], most: float, words: str) -> Finding:
    found = [one for one in data.examples if bad(one)]
    share = len(found) / len(data.examples)
    return Finding(share <= most, f"{len(found)} rows {words}", f"up to {most:.0%}", _ids(found))


def _ids(examples: Iterable[Example]) -> list[int]:
    return [one.subject_id for one in examples][:SAMPLES]


def _content(example: Example) -> str:
    if example.text:
        return " ".join(_WORD.findall(example.text.casefold()))
    return str(sorted(example.features.items(), key=str))
