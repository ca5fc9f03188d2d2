"""A model that is better on the whole may not be bought with a channel or language that it spoils."""

from collections import defaultdict

import numpy as np
from django.utils.translation import gettext_lazy as _

from ml.evaluation.paired import mean_and_error, upper_tail
from ml.judging import Contender, Gate, Verdict
from ml.monitoring.drift_tests import adjust

FEWEST_ROWS = 50
MOST_LOST = 0.05
FALSE_ALARMS = 0.05


class Slices(Gate):
    """No slice of 50 rows or more loses over 5 points against the champion (the trivial model without one), beyond luck.

    Many slices are looked at, so the p-values are adjusted (Benjamini-Hochberg).
    """

    key = "slices"
    label = _("No part of the work gets worse")

    def judge(self, contender: Contender) -> Verdict:
        """Compare the losses of each slice."""
        compared = _differences(contender)
        names, losses, chances = [], [], []
        for name, (differences, groups) in sorted(compared.items()):
            if len(differences) < FEWEST_ROWS:
                continue
            mean, error = mean_and_error(np.array(differences), groups)
            names.append(name)
            losses.append(mean)
            chances.append(upper_tail(mean, error))
        if not names:
            return Verdict(None, f"no slice has {FEWEST_ROWS} rows")
        adjusted = adjust(chances)
        spoilt = [
            name
            for name, lost, p in zip(names, losses, adjusted, strict=True)
            if lost > MOST_LOST and p < FALSE_ALARMS
        ]
        worst = int(np.argmax(losses))
        return Verdict(
            not spoilt,
            f"spoilt: {', '.join(spoilt)}" if spoilt else f"worst: {names[worst]} {losses[worst]:+.3f}",
            f"at most {MOST_LOST:+} of loss against {contender.champion or 'the trivial model'}",
            {name: {"lost": lost, "p": p} for name, lost, p in zip(names, losses, adjusted, strict=True)},
        )


def _differences(contender: Contender) -> dict[str, tuple[list[float], list[str]]]:
    found: dict[str, tuple[list[float], list[str]]] = defaultdict(lambda: ([], []))
    rows = (
        [(mine, mine.loss - other.loss) for mine, other in contender.pairs]
        if contender.champion
        else [(row, row.loss - row.baseline_loss) for row in contender.trained.held_out]
    )
    for row, difference in rows:
        for name, value in row.slices.items():
            differences, groups = found[f"{name} {value}"]
            differences.append(difference)
            groups.append(row.group)
    return found
