"""Cases that must never go wrong again."""

from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict


class Golden(Gate):
    """Every golden case gets its label."""

    key = "golden"
    label = _("Golden cases")

    def judge(self, contender: Contender) -> Verdict:
        """Ask the model about each."""
        cases = contender.golden
        if not cases:
            return Verdict(None, "no golden cases are kept")
        answers = contender.task.answer(contender.model, cases)
        wrong = [
            {"subject": case.subject_id, "label": case.label, "answer": answer.label}
            for case, answer in zip(cases, answers, strict=True)
            if answer.label != case.label
        ]
        return Verdict(not wrong, f"{len(cases) - len(wrong)} of {len(cases)} right", "all", {"wrong": wrong})
