"""What solutions cost."""

from django.db.models import Case, ExpressionWrapper, F, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Mean
from tickets.costs import current_costs


class CostPerSolution(Kpi):
    """Money per solution."""

    key = "cost"
    label = _("Cost")
    definition = _(
        "Mean cost of the solutions in the period: logged time and our answers, at today's prices of an hour and of an answer "
        "on the ticket's channel."
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
        prices = Case(
            *(When(channel=key, then=Value(price, real)) for key, price in sorted(costs.per_message.items())),
            default=Value(0.0, real),
            output_field=real,
        )
        work = ExpressionWrapper(F("worked_minutes") * Value(costs.per_hour / 60, real), real)
        answers = ExpressionWrapper(F("replies") * prices, real)
        return ExpressionWrapper(work + answers, real)
