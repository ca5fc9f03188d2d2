"""Whether promises were kept. A promise is decided when it is kept or when its deadline passes."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Share
from tickets.sla_target import sla_target


class _Attainment(Kpi):
    """Share of decided promises that were kept."""

    unit = "share"
    clock = "business"
    good = "up"
    hit_label = _("kept")
    miss_label = _("broken")

    def target(self) -> float:
        """What the settings ask for."""
        return sla_target()


class FirstResponseAttainment(_Attainment):
    """The first answer."""

    key = "sla_first_response"
    label = _("SLA first reply")
    definition = _(
        "Share of promised first answers, decided in the period, that came in time; paused time excluded."
    )
    order = 60
    cohort = "first_response_decided_at"
    measure = Share(Q(first_response_met=True))

    def population(self) -> Q:
        """Decided ones."""
        return Q(first_response_met__isnull=False)


class NextResponseAttainment(_Attainment):
    """All further answers."""

    key = "sla_next_response"
    label = _("SLA next reply")
    definition = _(
        "Share of tickets, decided in the period, on which every promised further answer came in time."
    )
    order = 70
    cohort = "next_response_decided_at"
    measure = Share(Q(next_response_met=True))

    def population(self) -> Q:
        """Decided ones."""
        return Q(next_response_met__isnull=False)


class ResolutionAttainment(_Attainment):
    """The solution."""

    key = "sla_resolution"
    label = _("SLA solution")
    definition = _(
        "Share of promised solutions, decided in the period, that came in time; paused time excluded."
    )
    order = 80
    cohort = "resolution_decided_at"
    measure = Share(Q(resolution_met=True))

    def population(self) -> Q:
        """Decided ones."""
        return Q(resolution_met__isnull=False)
