"""Plan the question after a solution, withdraw it when the ticket is reopened, say why one must not leave."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import cancel_outbound, enqueue_outbound
from tickets.conditions import holds
from tickets.models import Episode, SatisfactionSurvey, Status
from tickets.satisfaction import LATEST, SatisfactionRules, current_rules

SENDER_KIND = "tickets.satisfaction_survey"
_OVER = (Status.Category.RESOLVED, Status.Category.CLOSED)


@transaction.atomic
def plan_surveys(*, ticket_ids: Collection[int], now: datetime | None = None) -> int:
    """Plan a question for the latest episode of each of these tickets that is solved and may be asked about.

    Once per episode, however often this is called. Returns how many were planned.
    """
    rules = current_rules()
    if not rules.is_on:
        return 0
    moment = now or timezone.now()
    episodes = (
        Episode.objects.filter(ticket_id__in=ticket_ids, reopened=False, resolved_at__gte=moment - LATEST)
        .filter(Q(survey=None) | Q(survey__state=SatisfactionSurvey.State.WITHHELD))
        .select_related("survey", "ticket__contact", "ticket__account", "ticket__status")
        .order_by("pk")
    )
    return sum(_plan(episode, rules, moment) for episode in episodes)


def _plan(episode: Episode, rules: SatisfactionRules, now: datetime) -> bool:
    ticket = episode.ticket
    if why_not(episode, rules, now) or asked_lately(ticket.contact_id, rules, now):
        return False
    send_at = (episode.resolved_at or now) + timedelta(hours=rules.delay_hours)
    survey = getattr(episode, "survey", None) or SatisfactionSurvey(
        episode=episode, ticket=ticket, nonce=secrets.token_urlsafe(18)
    )
    if survey.send_at == send_at:
        return False
    # One that was withdrawn with a solution that was none is planned anew when there is one.
    survey.contact_id, survey.send_at = ticket.contact_id, send_at
    survey.state, survey.reason = SatisfactionSurvey.State.PLANNED, ""
    survey.save()
    enqueue_outbound(
        kind=SENDER_KIND,
        idempotency_key=outbound_key(survey),
        payload={"survey": survey.pk},
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        not_before=send_at,
    )
    return True


def why_not(episode: Episode, rules: SatisfactionRules, now: datetime) -> str:
    """Say why nobody may be asked about this episode, empty when somebody may.

    Its ticket comes with contact, account and status. Asked when planning and again when sending.
    """
    ticket = episode.ticket
    refusals = (
        (not rules.is_on, _("surveys are switched off")),
        (ticket.status_category not in _OVER or episode.reopened, _("the ticket was reopened")),
        (not episode.is_counted or ticket.merged_into_id is not None, _("the ticket was merged")),
        (not episode.inbound_count, _("no person wrote")),
        (not episode.replies, _("nobody answered")),
        (not ticket.contact.email, _("the contact has no e-mail address")),
        (ticket.contact.merged_into_id is not None, _("the contact was merged")),
    )
    refused = next((reason for is_so, reason in refusals if is_so), "")
    if refused:
        return refused
    if ticket.ticket_tags.filter(tag__name="spam").exists():
        return _("the ticket is spam")
    return "" if holds(rules.condition, ticket, me=None, now=now) else _("the condition does not hold")


def asked_lately(
    contact_id: int, rules: SatisfactionRules, now: datetime, *, but: SatisfactionSurvey | None = None
) -> bool:
    """Say whether the contact was asked, or will be, within the pause before ``now``, leaving ``but`` out."""
    living = (SatisfactionSurvey.State.PLANNED, SatisfactionSurvey.State.SENT)
    others = SatisfactionSurvey.objects.filter(
        contact_id=contact_id, state__in=living, send_at__gt=now - timedelta(days=rules.pause_days)
    )
    return (others if but is None else others.filter(pk__lt=but.pk)).exists()


@transaction.atomic
def withdraw_surveys(*, ticket_ids: Collection[int]) -> int:
    """Withdraw what is planned about episodes that were reopened, and has not begun to leave; returns how many."""
    planned = SatisfactionSurvey.objects.filter(
        ticket_id__in=ticket_ids, state=SatisfactionSurvey.State.PLANNED
    ).select_related("episode", "ticket")
    keys = [
        outbound_key(survey)
        for survey in planned
        if survey.episode.reopened or survey.ticket.status_category not in _OVER
    ]
    rows = Outbound.objects.filter(idempotency_key__in=keys, state=Outbound.State.PENDING)
    return sum(cancel_outbound(outbound=row, reason=_("the ticket was reopened")) for row in rows)


def outbound_key(survey: SatisfactionSurvey) -> str:
    """Return the key of the survey's row in the outbox; planned anew it gets another."""
    return f"survey:{survey.pk}:{survey.send_at.isoformat()}"
