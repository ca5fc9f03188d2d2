"""What customers of the demo world said after solutions: surveys, and answers that follow their mood."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np

from core.models import Setting
from core.services.record_history import PastEvent
from cs_ops.demo.companies import SYSTEM
from cs_ops.demo.latent import stream
from cs_ops.demo.tickets import Case
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


@dataclass(frozen=True)
class Asked:
    """A survey of the past; without a score nobody has answered."""

    ticket: Ticket
    nonce: str
    sent_at: datetime
    answered_at: datetime | None = None
    score: int | None = None
    comment: str = ""


def draw_surveys(seed: int, cases: Sequence[Case], now: datetime) -> list[Asked]:
    """Draw a survey per solution, for each contact at most one in the pause; a third of them is answered."""
    surveys: list[Asked] = []
    last: dict[int, datetime] = {}
    solved = [
        (case.ticket.resolved_at, case.ticket.number, case) for case in cases if case.ticket.resolved_at
    ]
    for resolved_at, number, case in sorted(solved, key=lambda entry: entry[:2]):
        ticket, sent_at = case.ticket, resolved_at + DELAY
        if sent_at > now or sent_at - last.get(ticket.contact_id, sent_at - PAUSE) < PAUSE:
            continue
        last[ticket.contact_id] = sent_at
        rng = stream(seed, "satisfaction", number)
        nonce = base64.urlsafe_b64encode(rng.bytes(18)).decode()
        answered_at = sent_at + timedelta(seconds=int(rng.lognormal(8.5, 1.2)))
        if rng.random() > ANSWERED or answered_at > now:
            surveys.append(Asked(ticket, nonce, sent_at))
            continue
        score = _score(case, now, rng)
        words = COMMENTS[score] if rng.random() < 0.4 else ("",)
        comment = words[int(rng.integers(len(words)))]
        surveys.append(Asked(ticket, nonce, sent_at, answered_at, score, comment))
    return surveys


def _score(case: Case, now: datetime, rng: np.random.Generator) -> int:
    """Draw a score: the mood of the customer, less for a broken promise or a ticket that came back."""
    ticket = case.ticket
    mood = case.company.life.at(ticket.created_at.date(), now.date()) if case.company else 0.0
    late = ticket.resolution_breached_at is not None or ticket.first_response_breached_at is not None
    value = 4.1 + 0.5 * mood - 0.9 * late - 0.8 * ticket.reopen_count + float(rng.normal(0, 0.8))
    return int(np.clip(round(value), 1, 5))


def survey_events(surveys: Sequence[Asked]) -> Iterator[PastEvent]:
    """Yield what the services would have recorded."""
    for asked in surveys:
        ticket = asked.ticket
        yield PastEvent(
            SURVEY_SENT, SYSTEM, ticket.pk, asked.sent_at, account_id=ticket.account_id, ticket_id=ticket.pk,
            detail={"contact": ticket.contact_id},
        )  # fmt: skip
        if asked.answered_at is not None and asked.score is not None:
            yield PastEvent(
                TICKET_RATED, contact_viewer(ticket.contact_id, "page"), ticket.pk, asked.answered_at,
                account_id=ticket.account_id, ticket_id=ticket.pk,
                detail={"from": None, "score": asked.score, "low": asked.score <= LOW, "commented": bool(asked.comment)},
            )  # fmt: skip


def store_surveys(surveys: Sequence[Asked]) -> None:
    """Derive the episodes of every ticket, write the surveys about them, and switch the survey on."""
    after: int | None = 0
    while (after := rebuild_all_episodes(after=after or 0)) is not None:
        pass
    last = dict(Episode.objects.filter(reopened=False).order_by().values_list("ticket_id", "pk"))
    SatisfactionSurvey.objects.bulk_create(
        [
            SatisfactionSurvey(
                episode_id=last[asked.ticket.pk],
                ticket=asked.ticket,
                contact_id=asked.ticket.contact_id,
                nonce=asked.nonce,
                state=SatisfactionSurvey.State.SENT,
                send_at=asked.sent_at,
                sent_at=asked.sent_at,
                opened_at=asked.answered_at,
                rated_at=asked.answered_at,
                changed_at=asked.answered_at,
                score=asked.score,
                comment=asked.comment,
            )
            for asked in surveys
        ],
        batch_size=500,
    )
    rated = [Ticket(pk=asked.ticket.pk, satisfaction=asked.score) for asked in surveys if asked.score]
    Ticket.objects.bulk_update(rated, ["satisfaction"], batch_size=500)
    rules = SatisfactionRules(is_on=True, question="How did we do?")
    Setting.objects.update_or_create(key=KEY, defaults={"value": asdict(rules)})
