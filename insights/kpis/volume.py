"""How much there is to do."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Share


class Opened(Kpi):
    """New tickets."""

    key = "opened"
    label = _("New tickets")
    definition = _("Tickets opened in the period, without those merged into another.")
    order = 10
    cohort = "opened_at"

    def population(self) -> Q:
        """First episodes: a reopening is no new ticket."""
        return Q(number=1)


class Resolved(Kpi):
    """Solutions."""

    key = "resolved"
    label = _("Resolved")
    definition = _("Solutions in the period; a ticket that was reopened and solved again counts twice.")
    order = 20
    cohort = "resolved_at"


class Backlog(Kpi):
    """What waits."""

    key = "backlog"
    label = _("Backlog")
    definition = _("Tickets that were neither resolved nor closed at the end of the period.")
    good = "down"
    order = 30

    def standing(self, at: datetime) -> Q:
        """Opened by then, and not resolved yet."""
        return Q(opened_at__lt=at) & (Q(resolved_at__isnull=True) | Q(resolved_at__gte=at))


class ReopenRate(Kpi):
    """Solutions that did not last."""

    key = "reopen_rate"
    label = _("Reopened")
    definition = _("Share of the solutions in the period after which the ticket came back, until today.")
    unit = "share"
    good = "down"
    order = 100
    cohort = "resolved_at"
    measure = Share(Q(reopened=True))
    hit_label = _("came back")
    miss_label = _("lasted")


class OneTouchRate(Kpi):
    """Solutions with one answer."""

    key = "one_touch"
    label = _("One-touch")
    definition = _("Share of the solutions in the period that took one answer of ours and lasted.")
    unit = "share"
    good = "up"
    order = 90
    cohort = "resolved_at"
    measure = Share(Q(one_touch=True))
    hit_label = _("one answer")
    miss_label = _("more or none")
