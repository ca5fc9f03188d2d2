"""Take what a visitor says about the chat: the same answer as to the survey after a solution."""

import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import cancel_outbound
from tickets.channels.chat.services.add_entry import lock_session
from tickets.channels.chat.settings import ChatSettings
from tickets.models import ChatSession, Episode, Message, SatisfactionSurvey
from tickets.satisfaction import LONGEST_COMMENT, token_of
from tickets.services.build_episodes import build_episodes
from tickets.services.plan_survey import outbound_key
from tickets.services.rate_ticket import rate_ticket


@transaction.atomic
def rate_chat(*, session: ChatSession, score: int, comment: str | None = None) -> SatisfactionSurvey:
    """Store the score 1..5 and the comment. The mail that would have asked does not leave.

    Raises ValidationError naming the field, also for a chat in which nobody has answered.
    """
    if not ChatSettings.of(session.inbox.config).asks_rating:
        raise ValidationError({"score": _("This chat asks for no rating.")})
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise ValidationError({"comment": _("A comment has at most %d characters.") % LONGEST_COMMENT})
    locked = lock_session(session.pk)
    ticket = locked.ticket
    if ticket is None or not ticket.messages.filter(kind=Message.Kind.OUTBOUND).exists():
        raise ValidationError({"score": _("Nobody has answered yet.")})
    # Its episodes follow from events that may not have been delivered yet.
    build_episodes(ticket_ids=[ticket.pk])
    episode = Episode.objects.filter(ticket=ticket).order_by("-number").select_related("survey").first()
    if episode is None:
        raise ValidationError({"score": _("Nobody has answered yet.")})
    survey = getattr(episode, "survey", None)
    if survey is None:
        survey = SatisfactionSurvey(episode=episode, ticket=ticket, nonce=secrets.token_urlsafe(18))
    elif survey.state == SatisfactionSurvey.State.PLANNED:
        for row in Outbound.objects.filter(idempotency_key=outbound_key(survey)):
            cancel_outbound(outbound=row, reason=_("the visitor was asked in the chat"))
    if survey.sent_at is None:
        survey.contact_id = ticket.contact_id
        survey.state, survey.reason = SatisfactionSurvey.State.SENT, ""
        survey.send_at = survey.sent_at = timezone.now()
        survey.save()
    rated = rate_ticket(token=token_of(survey), score=score, comment=comment)
    assert rated is not None  # noqa: S101 - the token was made here
    return rated
