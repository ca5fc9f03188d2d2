"""A challenger must not be worse than the model that serves."""

from collections.abc import Sequence

import numpy as np
from django.utils.translation import gettext_lazy as _

from ml.evaluation.paired import ONE_SIDED_95, macro_f1, mcnemar, mean_and_error
from ml.judging import Contender, Gate, Pair, Verdict

MOST_LOST = 0.005
FEWEST_PAIRS = 30


class Champion(Gate):
    """At most half a point below the champion, or shown to be better, on rows that neither of them had seen.

    To see two points (5 % against 3 % of the rows changed) takes about 2,000 rows, so the figure decides and not the test.
    """

    key = "champion"
    label = _("Not worse than the model in service")

    def judge(self, contender: Contender) -> Verdict:
        """Compare macro-F1 and McNemar's test for labels, mean loss and its interval otherwise."""
        pairs = contender.pairs
        if not contender.champion:
            return Verdict(None, "nothing is in service yet")
        if len(pairs) < FEWEST_PAIRS:
            return Verdict(None, f"only {len(pairs)} rows that neither had seen", f"{FEWEST_PAIRS} rows")
        task = contender.task
        by_loss = task.yes_no or task.numeric or task.label_sets
        return _losses(contender, pairs) if by_loss else _labels(contender, pairs)


def _labels(contender: Contender, rows: Sequence[Pair]) -> Verdict:
    truth = [str(ours.truth) for ours, _theirs in rows]
    ours = macro_f1(truth, [str(mine.answer) for mine, _theirs in rows])
    theirs = macro_f1(truth, [str(other.answer) for _mine, other in rows])
    won = sum(mine.loss < other.loss for mine, other in rows)
    lost = sum(mine.loss > other.loss for mine, other in rows)
    p = mcnemar(won, lost)
    return Verdict(
        ours >= theirs - MOST_LOST or p < 0.05,
        f"macro-F1 {ours:.4f} against {theirs:.4f} of {contender.champion}, {won} rows won, {lost} lost",
        f"at most {MOST_LOST} less, or better with p < 0.05",
        {"rows": len(rows), "won": won, "lost": lost, "p": p, "ours": ours, "theirs": theirs},
    )


def _losses(contender: Contender, rows: Sequence[Pair]) -> Verdict:
    differences = np.array([mine.loss - other.loss for mine, other in rows])
    mean, error = mean_and_error(differences, [mine.group for mine, _other in rows])
    return Verdict(
        mean <= MOST_LOST or mean + ONE_SIDED_95 * error < 0,
        f"loss {mean:+.4f} against {contender.champion}",
        f"at most {MOST_LOST:+}",
        {"rows": len(rows), "difference": mean, "error": error},
    )
