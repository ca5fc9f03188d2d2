"""The rows a model learned from."""

from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict


class DataChecks(Gate):
    """No blocking check of the snapshot failed, also not after rows of it were erased."""

    key = "data_checks"
    label = _("Checks of the data")

    def judge(self, contender: Contender) -> Verdict:
        """Repeat what failed."""
        failed = contender.failed_checks
        told = "; ".join(f"{key}: {seen}" for key, seen in sorted(failed.items()))
        return Verdict(not failed, told or "nothing blocks", "nothing blocks")
