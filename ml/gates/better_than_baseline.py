"""A model must beat the trivial one."""

from django.utils.translation import gettext_lazy as _

from ml.evaluation.paired import gain_over_baseline
from ml.judging import Contender, Gate, Verdict


class BetterThanBaseline(Gate):
    """On held-out rows its loss is lower than the trivial model's, beyond luck: the interval of the gain is above zero."""

    key = "better_than_baseline"
    label = _("Better than the trivial model")

    def judge(self, contender: Contender) -> Verdict:
        """Compare row by row."""
        held_out = contender.trained.held_out
        if not held_out:
            return Verdict(False, "nothing was held out", "a gain above 0")
        gain, low = gain_over_baseline(held_out)
        return Verdict(
            low > 0,
            f"gain {gain:.4f}, at least {low:.4f} with 95 % confidence",
            "above 0",
            {"gain": gain, "low": low, "rows": len(held_out)},
        )
