"""What solutions cost."""

from django.db.models import Case, ExpressionWrapper, F, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Mean
from tickets.costs import current_costs


class CostPerSolution(Kpi):
    """Money per solution."""

    key = "cost"
    label = _("Cost")
    definition = _(
        "Mean cost of the solutions in the period: logged time and our answers, at today's prices of an hour and of an answer "
        "on the channel that it left by."
    )
    unit = "money"
    good = "down"
    order = 115
    cohort = "resolved_at"
    measure = Mean()

    def population(self) -> Q:
        """Every solution, none while nobody has said what work costs."""
        return Q() if current_costs().are_known else Q(pk__isnull=True)

    def currency(self) -> str:
        """The currency of the prices."""
        return current_costs().currency

    def amount(self) -> Combinable:
        """Minutes and answers of an episode, priced."""
        costs = current_costs()
        real = FloatField()
        answers: Combinable = Value(0.0, real)
        for key, price in sorted(costs.per_message.items()):
            left = Coalesce(Cast(KeyTextTransform(key, "replies_by_channel"), real), Value(0.0, real))
            # Of an episode that was built before answers were counted by channel, all have left by the ticket's.
            unknown = When(replies_by_channel={}, channel=key, then=Cast(F("replies"), real))
            answers += Case(unknown, default=left, output_field=real) * Value(price, real)
        work = ExpressionWrapper(F("worked_minutes") * Value(costs.per_hour / 60, real), real)
        return ExpressionWrapper(work + answers, real)
