"""Learning how long tickets still take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, log1p
from typing import Any

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml.artefacts import Artefact
from ml.registry import Answer, Example, HeldOut, LearnedTask, Report
from ml.serving.answers import Fallback
from ml.tabular import NotEnoughData
from ml.tabular.durations import KIND, DurationModel, DurationPrediction
from tickets.forecasts.baselines import MEDIAN_BY_STATE, MedianByState, stored_baselines
from tickets.forecasts.features import features_now
from tickets.forecasts.observations import USED, examples, remaining_times

RANGES = (
    (1.0, "up to 1 h"),
    (4.0, "1 to 4 h"),
    (24.0, "4 h to 1 d"),
    (72.0, "1 to 3 d"),
    (168.0, "3 to 7 d"),
)
# How far the share of tickets within the upper time may lie from eight of ten.
MOST_OFF = 0.1


@dataclass(frozen=True)
class DurationAnswer(Answer):
    """``label`` is the median in hours, ``likely_hours`` what eight of ten stay within."""

    likely_hours: float = 0.0


class RemainingTime(LearnedTask):
    """Hours until the solution, by the calendar, from the moment asked for; long ones count up to a horizon."""

    key = "remaining_time"
    kind = KIND
    numeric = True
    title = _("Time to resolution")
    purpose = _(
        "Estimates when an open ticket will be solved: a median, and a time that eight of ten stay within."
    )
    limits = _(
        "Hours of the calendar, nights and weekends included. It knows state, waiting and load, not what the ticket is about."
    )
    fewest_rows = 200
    uses = USED

    def rows(self) -> Iterable[Example]:
        """The newest tickets at fixed ages, with what was known then."""
        return examples(remaining_times(timezone.now()))

    def label_group(self, label: Any) -> str:
        """The range of the hours."""
        return next((name for most, name in RANGES if float(label) <= most), "longer")

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> DurationModel:
        """Two quantiles by boosting."""
        return DurationModel.train(
            [row.features for row in examples],
            [float(row.label) for row in examples],
            self.uses,
            seed=seed,
            report=report,
        )

    def trivial_answers(self, train: Sequence[Example], held: Sequence[Example]) -> Sequence[DurationAnswer]:
        """The median by state."""
        known = MedianByState.learn((_state(row.features), float(row.label)) for row in train)
        if known is None:
            raise NotEnoughData("too few rows for a median by state")
        told = [known.tell(_state(row.features)) for row in held]
        return [DurationAnswer(label=median, likely_hours=likely) for median, likely in told]

    def answer(self, model: DurationModel, examples: Sequence[Example]) -> list[Answer]:
        """Both times."""
        told = model.predict([row.features for row in examples])
        return [DurationAnswer(label=one.median_hours, likely_hours=one.likely_hours) for one in told]

    def figures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """``mae, median_error`` in hours, ``within_p80``, ``log_error``."""
        truth = np.array([float(row.label) for row in examples])
        median = np.array([float(one.label) for one in answers])
        likely = np.array([one.likely_hours for one in answers if isinstance(one, DurationAnswer)])
        return {
            "mae": float(np.abs(truth - median).mean()),
            "median_error": float(np.median(np.abs(truth - median))),
            "within_p80": float((truth <= likely).mean()),
            "log_error": float(np.abs(np.log1p(truth) - np.log1p(median)).mean()),
        }

    def loss(self, example: Example, answer: Answer) -> float:
        """The error of log(1 + hours): an hour counts for more on a short ticket than on a long one."""
        return abs(log1p(float(example.label)) - log1p(float(answer.label)))

    def right(self, row: HeldOut) -> bool:
        """Within a factor of two."""
        return row.loss <= log(2)

    def objections(
        self, held_out: Sequence[HeldOut], metrics: Mapping[str, Any], trivial: Mapping[str, Any]
    ) -> Sequence[str]:
        """What the median by state does better, and a promise that does not hold."""
        found = []
        if metrics["mae"] >= trivial["mae"]:
            found.append("the mean error in hours is not below that of the median by state")
        if abs(metrics["within_p80"] - 0.8) > MOST_OFF:
            found.append(f"{metrics['within_p80']:.0%} of the tickets stay within the time meant for 80 %")
        return found

    def load(self, artefact: Artefact) -> DurationModel:
        """The trees."""
        return DurationModel.from_artefact(artefact)

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, Any]:
        """The features of the tickets now."""
        return features_now(subject_ids)

    def fallback(self, inputs: Sequence[Any], *, failure: str = "") -> Fallback:
        """The median by state; nothing is known before it was learned."""
        stored = stored_baselines().get("remaining_time")
        if not stored:
            return Fallback(MEDIAN_BY_STATE, [None] * len(inputs))
        known = MedianByState.from_json(stored)
        return Fallback(MEDIAN_BY_STATE, [DurationPrediction(*known.tell(_state(row))) for row in inputs])


def _state(features: Mapping[str, Any]) -> str:
    return str(features.get("ticket.status"))
