"""Reads of satisfaction surveys: those of a ticket, lists, and what they come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models import Avg, Count, Q, QuerySet
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.models import SatisfactionSurvey
from tickets.satisfaction import GOOD, SCORES


@dataclass(frozen=True)
class SatisfactionSummary:
    """Surveys that left, those answered, and the answers; shares are 0..1, None without anything to share."""

    asked: int
    rated: int
    good: int
    mean: float | None

    @property
    def response_rate(self) -> float | None:
        """Answered per asked."""
        return self.rated / self.asked if self.asked else None

    @property
    def good_share(self) -> float | None:
        """Good or very good per answered."""
        return self.good / self.rated if self.rated else None


def satisfaction_summary(viewer: Viewer, *, since: datetime) -> SatisfactionSummary:
    """Sum up the surveys sent since a moment. One query."""
    found = (
        SatisfactionSurvey.objects.visible_to(viewer)
        .asked()
        .filter(sent_at__gte=since)
        .aggregate(
            asked=Count("pk"),
            rated=Count("pk", filter=Q(score__isnull=False)),
            good=Count("pk", filter=Q(score__gte=GOOD)),
            mean=Avg("score"),
        )
    )
    return SatisfactionSummary(**found)


def surveys_of(viewer: Viewer, ticket_id: int) -> QuerySet[SatisfactionSurvey]:
    """Return the surveys about a visible ticket, newest episode first."""
    rows = SatisfactionSurvey.objects.visible_to(viewer).filter(ticket_id=ticket_id)
    return rows.select_related("episode__assignee", "contact").order_by("-episode__number")


def survey_list(viewer: Viewer, filters: Mapping[str, str]) -> QuerySet[SatisfactionSurvey]:
    """Return visible surveys; filters are ``score`` (1..5), ``state`` and ``rated`` (yes, no).

    Raises ValidationError naming what is unknown.
    """
    rows = SatisfactionSurvey.objects.visible_to(viewer).select_related("episode__assignee", "contact")
    refused: dict[str, str] = {}
    for name, value in filters.items():
        if name == "score" and value in {str(score) for score in SCORES}:
            rows = rows.filter(score=int(value))
        elif name == "state" and value in SatisfactionSurvey.State.values:
            rows = rows.filter(state=value)
        elif name == "rated" and value in {"yes", "no"}:
            rows = rows.filter(score__isnull=value == "no")
        else:
            refused[name] = _("This filter cannot be used.")
    if refused:
        raise ValidationError(refused)
    return rows
