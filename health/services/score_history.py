"""Score the past: snapshots at former days, each with what was known then. For a new installation with imported history."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.utils import timezone

from customers.models import Account
from health.attribution import Change
from health.card_book import CardBook
from health.cards import Card
from health.cohort import measure_cohort, sample_ids
from health.comparison import COMPARED_DAYS, COMPARED_SLACK, changes_from
from health.facts import Facts, moment_of
from health.models import CohortDay, HealthSnapshot
from health.overriding import Overridden
from health.scorecard import Score, inputs_hash
from health.scoring import Moment
from health.services.score_accounts import Scored, snapshot_of
from people.viewer import Viewer

BATCH = 250


def score_history(
    *,
    by: Viewer,
    account_ids: Sequence[int] | None = None,
    days: int = 365,
    step: int = 7,
    until: date | None = None,
) -> int:
    """Write snapshots every ``step`` days over the last ``days`` (yesterday the newest); returns how many.

    Days that have a snapshot keep it. No event is recorded and no column of the accounts is changed. Churn is left out: a
    model of today knows the outcomes of the past.
    """
    by.require("customers.edit")
    last = until or timezone.now().date() - timedelta(days=1)
    moments = [last - timedelta(days=offset) for offset in range(0, days, step)][::-1]
    ids = (
        list(Account.objects.order_by("pk").values_list("pk", flat=True))
        if account_ids is None
        else list(account_ids)
    )
    # A small installation is one batch, and its facts serve the cohorts too.
    book = CardBook.load()
    cohorts = CohortHistory(moments, ids if len(ids) <= BATCH else (), book)
    written = 0
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        facts = cohorts.facts if cohorts.facts.rows.keys() >= set(batch) else _facts(batch, moments)
        written += _score_batch(facts, batch, moments, cohorts, book)
    return written


def _facts(account_ids: Sequence[int], days: Sequence[date]) -> Facts:
    """Load facts for the days and, for the cohorts, the day before the first."""
    return Facts(account_ids, first=moment_of(days[0] - timedelta(days=1)), last=moment_of(days[-1]))


class CohortHistory:
    """The cohorts of former days, measured from one load of facts (``also`` for further accounts) and stored for later."""

    def __init__(self, days: Sequence[date], also: Sequence[int], book: CardBook) -> None:
        samples = {day: sample_ids(day) for day in days}
        everybody = sorted({*also, *(pk for ids in samples.values() for pk in ids)})
        before = {day: moment_of(day - timedelta(days=1)) for day in days}
        self.facts = _facts(everybody, days)
        self.by_day = {
            day: measure_cohort(self.facts, samples[day], before[day], book.ranked) for day in days
        }
        CohortDay.objects.bulk_create(
            [
                CohortDay(
                    day=day,
                    card_version=book.peers_version,
                    stats=cohort.to_json(),
                    computed_at=timezone.now(),
                )
                for day, cohort in self.by_day.items()
            ],
            ignore_conflicts=True,
        )


def _score_batch(
    facts: Facts, account_ids: Sequence[int], days: Sequence[date], cohorts: CohortHistory, book: CardBook
) -> int:
    now, wanted = timezone.now(), set(account_ids)
    history: dict[int, list[tuple[date, Score, Card]]] = {}
    rows: list[HealthSnapshot] = []
    for day in days:
        as_of = moment_of(day)
        alive = wanted.intersection(facts.alive(as_of))
        primary = book.primary(facts, as_of)
        carried = {pk: {one.key: one for one in past[-1][1].measures} for pk, past in history.items()}
        read = Moment(facts, as_of, cohorts.by_day[day], carried)
        for pk, score in read.scores({pk: primary[pk] for pk in alive}).items():
            if score.final is None:
                continue
            changes, delta = _compare(read, history.get(pk, []), pk, score, primary[pk])
            digest = inputs_hash(score, primary[pk].version, {})
            entry = Scored(
                score,
                None,
                changes,
                delta,
                digest,
                primary[pk].version,
                Overridden(score.final, score.band),
            )
            rows.append(snapshot_of(pk, day, entry, computed_at=now))
            history.setdefault(pk, []).append((day, score, primary[pk]))
    HealthSnapshot.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return len(rows)


def _compare(
    read: Moment, past: Sequence[tuple[date, Score, Card]], pk: int, score: Score, card: Card
) -> tuple[list[Change], float | None]:
    """Return the lines and the difference to the score of 30 to 44 days before; ([], None) without one."""
    newest = read.as_of.date() - timedelta(days=COMPARED_DAYS)
    oldest = newest - timedelta(days=COMPARED_SLACK)
    fitting = [(former, used) for at, former, used in past if oldest <= at <= newest]
    if not fitting:
        return [], None
    former, used = fitting[-1]
    as_before = read.scores({pk: used})[pk] if used.version != card.version else None
    lines = changes_from((former.measures, former.caps), score, as_before)
    return lines, (score.final or 0) - (former.final or 0)
