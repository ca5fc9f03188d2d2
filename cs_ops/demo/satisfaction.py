"""What customers of the demo world said after solutions: episodes of all tickets, surveys, and answers that follow their mood."""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from core.models import Setting
from core.services.record_history import PastEvent, record_history
from cs_ops.demo.companies import SYSTEM, Company, Customers
from cs_ops.demo.latent import stream
from people.viewer import contact_viewer
from tickets.events import SURVEY_SENT, TICKET_RATED
from tickets.models import Episode, SatisfactionSurvey, Ticket
from tickets.satisfaction import KEY, LOW, SatisfactionRules
from tickets.services.build_episodes import rebuild_all_episodes

ANSWERED = 0.34
PAUSE = timedelta(days=14)
DELAY = timedelta(hours=2)
COMMENTS = {
    1: ("Nobody understood what I asked.", "This took far too long.", "Still broken."),
    2: ("I had to explain it twice.", "The answer came late."),
    3: ("It works now.", "Fine, but slow."),
    4: ("Good help, thank you.", "Clear answer."),
    5: ("Quick and friendly!", "Solved at once, thank you.", "Great support as always."),
}


def add_satisfaction(seed: int, customers: Customers, now: datetime) -> int:
    """Derive the episodes of every ticket, switch the survey on and write its past; returns the number of answers."""
    after: int | None = 0
    while (after := rebuild_all_episodes(after=after or 0)) is not None:
        pass
    rules = SatisfactionRules(is_on=True, question="How did we do?")
    Setting.objects.update_or_create(key=KEY, defaults={"value": vars(rules)})
    companies = {company.account.pk: company for company in customers.companies}
    surveys = list(_draw(seed, companies, now))
    SatisfactionSurvey.objects.bulk_create(surveys, batch_size=500)
    rated = [survey for survey in surveys if survey.score is not None]
    tickets = {survey.ticket_id: Ticket(pk=survey.ticket_id, satisfaction=survey.score) for survey in rated}
    Ticket.objects.bulk_update(tickets.values(), ["satisfaction"], batch_size=500)
    record_history(events=[event for survey in surveys for event in _events(survey)])
    return len(rated)


def _draw(seed: int, companies: dict[int, Company], now: datetime) -> Iterator[SatisfactionSurvey]:
    """Yield the surveys: one per solution, a contact at most once in the pause, a third of them answered."""
    asked: dict[int, datetime] = {}
    solved = (
        Episode.objects.filter(resolved_at__lt=now - DELAY, inbound_count__gt=0, replies__gt=0)
        .select_related("ticket__contact")
        .order_by("resolved_at", "pk")
    )
    for episode in solved:
        contact = episode.ticket.contact
        sent_at = (episode.resolved_at or now) + DELAY
        if contact.pk in asked and sent_at - asked[contact.pk] < PAUSE:
            continue
        asked[contact.pk] = sent_at
        rng = stream(seed, "satisfaction", episode.ticket.number)
        answered_at = sent_at + timedelta(minutes=int(rng.lognormal(4.5, 1.2)))
        answered = rng.random() < ANSWERED and answered_at < now
        company = companies.get(episode.account_id or 0)
        score = _score(company, episode, now, rng) if answered else None
        words = COMMENTS[score] if score and rng.random() < 0.4 else ("",)
        yield SatisfactionSurvey(
            episode=episode,
            ticket=episode.ticket,
            contact=contact,
            nonce=base64.urlsafe_b64encode(rng.bytes(18)).decode(),
            state=SatisfactionSurvey.State.SENT,
            planned_at=sent_at,
            send_at=sent_at,
            sent_at=sent_at,
            opened_at=answered_at if answered else None,
            rated_at=answered_at if answered else None,
            changed_at=answered_at if answered else None,
            score=score,
            comment=words[int(rng.integers(len(words)))],
        )


def _score(company: Company | None, episode: Episode, now: datetime, rng: np.random.Generator) -> int:
    """Draw a score: the mood of the customer, less for a broken promise or a ticket that came back."""
    mood = company.life.at(episode.opened_at.date(), now.date()) if company else 0.0
    late = episode.resolution_met is False or episode.first_response_met is False
    value = 4.1 + 0.5 * mood - 0.9 * late - 0.8 * episode.reopened + float(rng.normal(0, 0.8))
    return int(np.clip(round(value), 1, 5))


def _events(survey: SatisfactionSurvey) -> Iterator[PastEvent]:
    """Yield what the services would have recorded."""
    detail = {"survey": survey.pk, "episode": survey.episode_id}
    account_id = survey.episode.account_id
    if survey.sent_at is not None:
        yield PastEvent(
            SURVEY_SENT, SYSTEM, survey.ticket_id, survey.sent_at, account_id=account_id, ticket_id=survey.ticket_id,
            detail={**detail, "contact": survey.contact_id},
        )  # fmt: skip
    if survey.rated_at is not None and survey.score is not None:
        yield PastEvent(
            TICKET_RATED, contact_viewer(survey.contact_id, "page"), survey.ticket_id, survey.rated_at,
            account_id=account_id, ticket_id=survey.ticket_id,
            detail={**detail, "from": None, "score": survey.score, "low": survey.score <= LOW,
                    "commented": bool(survey.comment)},
        )  # fmt: skip
