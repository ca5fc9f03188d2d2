"""What the task itself asks of its model."""

from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict


class OwnConditions(Gate):
    """The task has no objection: a rule of thumb that it knows is not better."""

    key = "own_conditions"
    label = _("Conditions of the task")

    def judge(self, contender: Contender) -> Verdict:
        """Repeat what the task said."""
        objections = contender.trained.objections
        return Verdict(not objections, "; ".join(objections) or "no objection", "no objection")
