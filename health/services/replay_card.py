"""The time machine: play a draft over the last twelve months beside the card that is live."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Min
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.job_runner import start_job
from customers.models import Account, RevenueMovement
from health.card_book import CardBook
from health.cards import Card, card_from
from health.cohort import measure_cohort
from health.events import CARD_REPLAYED
from health.facts import Facts, moment_of
from health.models import CardReplay, HealthCard
from health.replaying import summary_of
from health.scorecard import Score
from health.scoring import Moment
from health.services.save_card import draft_of
from people.viewer import Viewer

MONTHS = 13
STEP = timedelta(days=28)
SAMPLE = 200
BATCH = 50


@transaction.atomic
def start_replay(*, card: HealthCard, by: Viewer, today: date | None = None) -> CardReplay:
    """Start to play the draft of a card over 13 moments of the last year for at most 200 accounts, leavers first.

    Needs ``health.manage``. The job ``health.replay_card`` does it in slices.
    """
    by.require("health.manage")
    draft = draft_of(card)
    last = (today or timezone.now().date()) - timedelta(days=1)
    days = [last - STEP * place for place in range(MONTHS)][::-1]
    replay = CardReplay.objects.create(
        card=card,
        content=draft.content,
        checksum=draft.checksum,
        against=card.live.label if card.live else CardBook.load().default.version,
        account_ids=sample_of(days[0]),
        days=[day.isoformat() for day in days],
        created_by_id=by.user_id,
    )
    replay.job = start_job(
        kind="health.replay_card",
        key=str(replay.pk),
        by=by,
        params={"replay": replay.pk},
        requested_by_id=by.user_id,
    )
    replay.save(update_fields=["job"])
    CARD_REPLAYED.record(
        by=by, subject_id=card.pk, detail={"name": card.name, "checksum": draft.checksum, "replay": replay.pk}
    )
    return replay


def sample_of(since: date) -> list[int]:
    """Return the ids of at most 200 accounts: up to half of them left since, the rest evenly spread over the others."""
    gone = list(
        Account.objects.filter(churned_on__gt=since)
        .order_by("pk")
        .values_list("pk", flat=True)[: SAMPLE // 2]
    )
    others = Account.objects.exclude(pk__in=gone).filter(churned_on=None).order_by("pk")
    ids = list(others.values_list("pk", flat=True))
    room = max(1, SAMPLE - len(gone))
    return sorted({*gone, *ids[:: max(1, -(-len(ids) // room))]})


def replay_next(*, replay: CardReplay, today: date | None = None) -> bool:
    """Score the next 50 accounts of a replay at every moment by both cards; returns whether that was the last slice.

    Peers are the accounts of the sample. A repeated slice adds nothing twice.
    """
    days = [date.fromisoformat(day) for day in replay.days]
    done = {row["id"] for row in replay.rows}
    batch = [pk for pk in replay.account_ids if pk not in done][:BATCH]
    if batch:
        rows = replay.rows + _rows(replay, batch, days)
        CardReplay.objects.filter(pk=replay.pk).update(rows=rows)
        replay.rows = rows
    finished = len(replay.rows) >= len(replay.account_ids) or not batch
    if finished:
        replay.summary = summary_of(replay.rows, days, today or timezone.now().date())
        replay.finished_at = timezone.now()
        replay.save(update_fields=["summary", "finished_at"])
    return finished


def _rows(replay: CardReplay, batch: Sequence[int], days: Sequence[date]) -> list[dict[str, object]]:
    book = CardBook.load()
    draft = card_from(replay.content, version="draft", lens=replay.card.lens, name=replay.card.name)
    before = [moment_of(day - timedelta(days=1)) for day in days]
    facts = Facts(replay.account_ids, first=before[0], last=moment_of(days[-1]))
    live: dict[int, list[object]] = {pk: [] for pk in batch}
    new: dict[int, list[object]] = {pk: [] for pk in batch}
    for day, former in zip(days, before, strict=True):
        as_of = moment_of(day)
        alive = set(facts.alive(as_of))
        cohort = measure_cohort(facts, replay.account_ids, former, book.ranked | draft.ranked)
        read = Moment(facts, as_of, cohort, {})
        current = book.primary(facts, as_of)
        for side, cards in ((live, current), (new, dict.fromkeys(batch, draft))):
            scores = read.scores(_of(cards, [pk for pk in batch if pk in alive]))
            for pk in batch:
                side[pk].append(_point(scores.get(pk)))
    names = dict(Account.objects.filter(pk__in=batch).values_list("pk", "name"))
    left = _left(batch)
    return [
        {
            "id": pk,
            "name": names.get(pk, ""),
            "left": left[pk].isoformat() if pk in left else None,
            "live": live[pk],
            "draft": new[pk],
        }
        for pk in batch
        if pk in names
    ]


def _of(cards: dict[int, Card], ids: Sequence[int]) -> dict[int, Card]:
    return {pk: cards[pk] for pk in ids}


def _point(score: Score | None) -> list[object] | None:
    if score is None:
        return None
    return [None if score.final is None else round(score.final, 2), str(score.band), round(score.coverage, 4)]


def _left(account_ids: Sequence[int]) -> dict[int, date]:
    """Return the day on which an account said that it leaves, else left."""
    movements = RevenueMovement.objects.filter(
        account_id__in=account_ids, kind=RevenueMovement.Kind.CHURN, account__churned_on__isnull=False
    )
    said = dict(
        movements.order_by()
        .values_list("account_id")
        .annotate(day=Min(Coalesce("notice_on", "effective_on")))
    )
    gone = dict(
        Account.objects.filter(pk__in=account_ids).exclude(churned_on=None).values_list("pk", "churned_on")
    )
    return {pk: min(day, said.get(pk, day)) for pk, day in gone.items() if day is not None}
