"""The leak sentinel: nothing that lifts the figures without merit (``ml.evaluation.leaks``)."""

import math

import numpy as np
from django.utils.translation import gettext_lazy as _

from ml.datasets.rows import Example
from ml.evaluation.leaks import Leak, future_features, inspect_folds, shuffled_time
from ml.judging import Contender, Gate, Verdict
from ml.tabular.columns import design_matrix, infer_columns

ROWS = 4_000
FOLDS = 2
DEVIATIONS = 1.645


class LeakSentinel(Gate):
    """No row was made of others or learned from as well, no feature knows the future, and time was not shuffled.

    Rows of yes/no outcomes are looked at. A feature is built again from what was recorded by the moment of its row, where the
    task can; the ranking over random folds may be better than that forward in time by 0.05 beyond luck.
    """

    key = "leaks"
    label = _("Leak sentinel")

    def judge(self, contender: Contender) -> Verdict:
        """Look at held-out rows, at their features built again, and at the two rankings."""
        rows = [row for row in contender.held if row.features]
        if not contender.task.yes_no or not rows:
            return Verdict(None, "the answers are no yes/no outcomes of features")
        found = [*_rows(rows), *_features(contender), *_time(contender)]
        words = "; ".join(leak.words for leak in found)
        return Verdict(
            not found,
            words[:300] or "no row, feature or figure tells more than was known",
            "no leak",
            {"leaks": [[leak.kind, leak.words, round(leak.share, 4)] for leak in found]},
        )


def _rows(rows: list[Example]) -> list[Leak]:
    """Made rows and copies among the held-out rows; subjects stay together, as their moments resemble each other."""
    chosen = rows[:: max(1, -(-len(rows) // ROWS))]
    features = [row.features for row in chosen]
    columns = infer_columns(features, list(features[0]))
    if not columns:
        return []
    owners: dict[str, int] = {}
    folds = [owners.setdefault(row.group or str(row.subject_id), len(owners)) % FOLDS for row in chosen]
    outcome = np.array([int(row.label) for row in chosen])
    return inspect_folds(design_matrix(features, columns), outcome, np.array(folds))


def _features(contender: Contender) -> list[Leak]:
    stored = [row.features for row, _again in contender.built_again]
    again = [values for _row, values in contender.built_again]
    return future_features(stored, again, [int(row.label) for row, _again in contender.built_again])


def _time(contender: Contender) -> list[Leak]:
    metrics = contender.trained.metrics
    # Figures of other units than the headline stand beside those of random folds.
    forward = (metrics.get("random_split_beside") or metrics).get("roc_auc")
    shuffled = (metrics.get("random_split") or {}).get("roc_auc")
    if forward is None or shuffled is None:
        return []
    hits = sum(int(row.truth) for row in contender.trained.held_out)
    fewer = max(1, min(hits, len(contender.trained.held_out) - hits))
    luck = DEVIATIONS * math.sqrt(forward * (1 - forward) / fewer)
    leak = shuffled_time(forward + luck, shuffled)
    return [leak] if leak else []
