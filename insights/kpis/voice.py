"""What customers say and how they sound."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from insights.registry import Kpi, Ratings, Share
from insights.sources import MESSAGES, SURVEYS
from tickets.satisfaction import GOOD


class Csat(Kpi):
    """Satisfaction after a solution."""

    key = "csat"
    label = _("CSAT")
    definition = _(
        "Share of answers “good” or “very good” among the surveys sent in the period that were answered."
    )
    unit = "share"
    good = "up"
    order = 110
    source = SURVEYS
    cohort = "sent_at"
    measure = Ratings("score", GOOD)
    hit_label = _("good")
    miss_label = _("not good")


class NegativeMood(Kpi):
    """Unhappy messages."""

    key = "negative_mood"
    label = _("Negative mood")
    definition = _(
        "Share of the customers' messages in the period that sound negative to the sentiment model."
    )
    unit = "share"
    good = "down"
    order = 120
    source = MESSAGES
    cohort = "created_at"
    measure = Share(Q(sentiment_label="negative"))
    hit_label = _("negative")
    miss_label = _("neutral or positive")
