"""Learning which promises will be missed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml.registry import Answer, Example, Report, TabularTask
from ml.serving.answers import Fallback
from ml.tabular import NotEnoughData, TabularModel, TabularPrediction
from tickets.forecasts.baselines import RATE_BY_STATE, RateByState, stored_baselines
from tickets.forecasts.features import features_now
from tickets.forecasts.observations import USED, examples, promise_outcomes


class SlaBreach(TabularTask):
    """Will the promise that comes due next be missed?"""

    key = "sla_breach"
    title = _("Missed deadlines")
    purpose = _(
        "Estimates how likely the next deadline of a ticket is missed, so that the ones at risk are seen first."
    )
    limits = _("Says what state, waiting and load tell; it does not know who is about to answer.")
    fewest_rows = 200
    features = USED
    uses = USED

    def rows(self) -> Iterable[Example]:
        """Tickets with a promise at fixed ages, with what was known then."""
        return examples(promise_outcomes(timezone.now()))

    def fit(self, examples: Sequence[Example], report: Report, *, seed: int) -> TabularModel:
        """The additive model without the interval of its estimate, which nobody is shown."""
        return TabularModel.train(
            [row.features for row in examples],
            [int(row.label) for row in examples],
            self.features,
            groups=[row.group for row in examples],
            seed=seed,
            refits=0,
            report=report,
        )

    def trivial_answers(self, train: Sequence[Example], held: Sequence[Example]) -> Sequence[Answer]:
        """The rate by state and share of the time used."""
        known = RateByState.learn((*_cell(row.features), int(row.label)) for row in train)
        if known is None:
            raise NotEnoughData("too few rows for a rate by state")
        told = [known.tell(*_cell(row.features)) for row in held]
        return [Answer(int(rate >= 0.5), rate) for rate in told]

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, Any]:
        """The features of the tickets now."""
        return features_now(subject_ids)

    def fallback(self, inputs: Sequence[Any], *, failure: str = "") -> Fallback:
        """The rate by state and share of the time used; nothing is known before it was learned."""
        stored = stored_baselines().get("sla_breach")
        if not stored:
            return Fallback(RATE_BY_STATE, [None] * len(inputs))
        known = RateByState.from_json(stored)
        rates = [known.tell(*_cell(row)) for row in inputs]
        return Fallback(RATE_BY_STATE, [TabularPrediction(rate, rate, rate, ()) for rate in rates])


def _cell(features: Mapping[str, Any]) -> tuple[str, float | None]:
    return str(features.get("ticket.status")), features.get("ticket.promise_used")
