"""What must not change an answer: a greeting, a signature, capitals, a few typing errors."""

import random
from collections.abc import Callable
from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict
from ml.monitoring.estimates import wilson

ROWS = 60
LEAST_SAME = 0.97
TYPOS = 0.02


class Invariance(Gate):
    """At least 97 % of answers stay when the text is said otherwise (CheckList, Ribeiro et al. 2020).

    An answer has changed when both times the model is sure and says something else: where it abstains, a person decides.
    Fails when the share is below 97 % beyond luck.
    """

    key = "invariance"
    label = _("The same said otherwise")

    def judge(self, contender: Contender) -> Verdict:
        """Say the newest held-out texts otherwise and compare."""
        rows = [row for row in contender.held if row.text][-ROWS:]
        if not rows or contender.task.yes_no:
            return Verdict(None, "answers are not about texts")
        answer = contender.task.answer
        plain = answer(contender.model, rows)
        changed: dict[str, int] = {}
        for name, say in SAID_OTHERWISE.items():
            others = answer(contender.model, [replace(row, text=say(row.text)) for row in rows])
            changed[name] = sum(
                contender.task.contradict(one, other) for one, other in zip(plain, others, strict=True)
            )
        asked = len(rows) * len(SAID_OTHERWISE)
        same = asked - sum(changed.values())
        return Verdict(
            wilson(same / asked, asked)[1] >= LEAST_SAME,
            f"{same / asked:.1%} of {asked} answers stayed",
            f"{LEAST_SAME:.0%}, as far as {asked} answers can tell",
            {"changed": changed},
        )


def _typos(text: str) -> str:
    """Swap neighbouring letters; the same text gets the same errors."""
    letters, draw = list(text), random.Random(text)  # noqa: S311 - no secret
    for place in range(len(letters) - 1):
        if letters[place].isalpha() and letters[place + 1].isalpha() and draw.random() < TYPOS:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


SAID_OTHERWISE: dict[str, Callable[[str], str]] = {
    "greeting": lambda text: f"Hello,\n\n{text}",
    "signature": lambda text: f"{text}\n\nKind regards\nSam",
    "capitals": str.lower,
    "typos": _typos,
}
