"""How fast we are."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Quantiles


class FirstResponse(Kpi):
    """How long a customer waits for the first answer."""

    key = "first_response"
    label = _("First reply")
    definition = _(
        "Median business time from the first message to our first answer, tickets opened in the period."
    )
    unit = "seconds"
    clock = "business"
    good = "down"
    order = 40
    cohort = "opened_at"
    measure = Quantiles("first_response_business_seconds")

    def population(self) -> Q:
        """Reopened tickets have had their first answer."""
        return Q(number=1, first_response_business_seconds__isnull=False)


class ResolutionTime(Kpi):
    """How long a solution takes."""

    key = "resolution_time"
    label = _("Resolution")
    definition = _("Median business time from opening or reopening to the solution, solutions in the period.")
    unit = "seconds"
    clock = "business"
    good = "down"
    order = 50
    cohort = "resolved_at"
    measure = Quantiles("resolution_business_seconds")

    def population(self) -> Q:
        """What is solved."""
        return Q(resolution_business_seconds__isnull=False)
