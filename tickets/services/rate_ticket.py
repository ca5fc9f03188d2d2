"""Take what a customer says about a solution, through the link in the survey's mail."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import contact_viewer
from tickets.events import TICKET_RATED
from tickets.message_text import storable
from tickets.models import SatisfactionSurvey
from tickets.satisfaction import CHANGE_DAYS, LONGEST_COMMENT, LOW, SCORES, survey_of
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def rate_ticket(*, token: str, score: int, comment: str | None = None) -> SatisfactionSurvey | None:
    """Store the score 1..5 and, unless it is None, the comment; repeating the same changes nothing.

    Returns None for a token that is none of ours. An answer can be changed for seven days after the first one; after that,
    and for a score off the scale, ValidationError is raised.
    """
    if score not in SCORES:
        raise ValidationError({"score": _("Choose one of the five faces.")})
    known = survey_of(token)
    if known is None:
        return None
    ticket = lock_ticket(known.ticket_id)
    survey = SatisfactionSurvey.objects.select_for_update().get(pk=known.pk)
    now = timezone.now()
    if not may_change(survey, now):
        raise ValidationError(_("This answer can no longer be changed."))
    before = survey.score
    text = survey.comment if comment is None else storable(comment).strip()[:LONGEST_COMMENT]
    if (before, survey.comment) == (score, text):
        return survey
    survey.score, survey.comment = score, text
    survey.rated_at = survey.rated_at or now
    survey.changed_at = now
    survey.save(update_fields=["score", "comment", "rated_at", "changed_at"])
    latest = ticket.surveys.exclude(rated_at=None).order_by("-episode__number").first()
    ticket.satisfaction = None if latest is None else latest.score
    TICKET_RATED.record(
        by=contact_viewer(survey.contact_id, "page"),
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "survey": survey.pk,
            "episode": survey.episode_id,
            "from": before,
            "score": score,
            "low": score <= LOW,
            "commented": bool(text),
        },
        occurred_at=now,
    )
    save_ticket(ticket, now=now)
    return survey


def may_change(survey: SatisfactionSurvey, now: datetime) -> bool:
    """Say whether the survey still takes an answer."""
    return survey.rated_at is None or now - survey.rated_at <= timedelta(days=CHANGE_DAYS)


def note_opening(*, token: str) -> None:
    """Note that the link was looked up for the first time; it says nothing about the answer."""
    survey = survey_of(token)
    if survey is not None and survey.opened_at is None:
        SatisfactionSurvey.objects.filter(pk=survey.pk, opened_at=None).update(opened_at=timezone.now())
