"""A probability must mean what it says: thresholds of automatic routing are set by it."""

import numpy as np
from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict
from ml.metrics import calibration_error

MOST_ERROR = 0.05
DRAWS = 200


class Calibration(Gate):
    """The calibration error is at most 0.05 above what a perfectly calibrated model shows by chance on as many rows.

    The error of ten bins is never 0 on few rows: on 100 rows a perfect model shows about 0.08.
    """

    key = "calibration"
    label = _("Probabilities mean what they say")

    def judge(self, contender: Contender) -> Verdict:
        """Compare the error with that of drawn outcomes."""
        if contender.task.label_sets:
            return Verdict(None, "each label has a probability of its own: its precision is measured instead")
        rows = [row for row in contender.trained.held_out if row.probability is not None]
        if not rows:
            return Verdict(None, "it gives no probabilities")
        told = np.array([row.probability for row in rows])
        right = np.array(
            [row.truth if contender.task.yes_no else row.truth == row.answer for row in rows], dtype=float
        )
        error = calibration_error(told, right)
        draw = np.random.default_rng(0)
        chance = float(
            np.mean([calibration_error(told, draw.random(len(told)) < told) for _draw in range(DRAWS)])
        )
        return Verdict(
            error - chance <= MOST_ERROR,
            f"error {error:.3f}, of which chance explains {chance:.3f}",
            f"at most {MOST_ERROR} above chance",
            {"error": error, "chance": chance, "rows": len(rows)},
        )
