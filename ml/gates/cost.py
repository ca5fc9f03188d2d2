"""What a model takes of the worker that serves it."""

import time

import numpy as np
from django.utils.translation import gettext_lazy as _

from ml.judging import Contender, Gate, Verdict

ROWS = 40
MOST_MILLISECONDS = 200.0
MOST_MEMORY = 300.0
MOST_FILES = 200.0


class Cost(Gate):
    """One answer takes 200 ms of processor time at most (95th percentile); the model 300 MB in memory and 200 MB on disk.

    Processor time and not the clock: a busy machine must not decide which model is good.
    """

    key = "cost"
    label = _("Time and memory")

    def judge(self, contender: Contender) -> Verdict:
        """Ask about single rows."""
        taken = []
        for row in contender.held[-ROWS:]:
            started = time.process_time()
            contender.task.answer(contender.model, [row])
            taken.append(1_000 * (time.process_time() - started))
        slow = float(np.percentile(taken, 95)) if taken else 0.0
        return Verdict(
            slow <= MOST_MILLISECONDS
            and contender.memory_megabytes <= MOST_MEMORY
            and contender.file_megabytes <= MOST_FILES,
            f"{slow:.0f} ms, {contender.memory_megabytes:.0f} MB in memory, {contender.file_megabytes:.1f} MB on disk",
            f"{MOST_MILLISECONDS:.0f} ms, {MOST_MEMORY:.0f} MB, {MOST_FILES:.0f} MB",
            {"p95_ms": slow},
        )
