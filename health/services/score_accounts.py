"""Score accounts now: one snapshot per account and day, the columns on the accounts, and the events worth telling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from core.bulk_rows import store_instances, update_instances
from customers.models import Account
from health.attribution import Change
from health.card_book import CardBook
from health.cards import Card, Missing
from health.churn.estimate import ChurnEstimate, estimate_churn
from health.churn.features import features_as_of
from health.cohort import cohort_of
from health.comparison import by_former_card, compare, compared_with
from health.events import BAND_CHANGED, SCORE_CHANGED
from health.facts import Facts
from health.loading import among, columns
from health.models import HealthOverride, HealthSnapshot, LensSnapshot
from health.overriding import Overridden, Override, overridden
from health.scorecard import Measure, Score, inputs_hash, measures_from, parts_of
from health.scoring import Moment
from health.trend import trend_of
from people.viewer import Viewer
from tickets.models import Ticket

TREND_DAYS = 90
TREND_POINTS = 13
# A change of the score that a person would ask about.
TOLD_POINTS = 5.0
TOLD_CHANGES = 3


@dataclass(frozen=True)
class Scored:
    """Everything computed for one account before anything is written."""

    score: Score
    churn: ChurnEstimate | None
    changes: list[Change]
    delta: float | None
    digest: str
    version: str
    set_to: Overridden
    trend: str = ""


def score_accounts(*, account_ids: Sequence[int], by: Viewer, as_of: datetime | None = None) -> int:
    """Score the accounts that are customers and return how many; the number of queries does not depend on how many.

    ``as_of`` defaults to now; what is known only later is not used. Inference and arithmetic happen before the
    transaction. Accounts that churned lose their band.
    """
    by.require("customers.edit")
    moment = as_of or timezone.now()
    facts = Facts(account_ids, first=moment, last=moment)
    alive, book = facts.alive(moment), CardBook.load()
    primary = book.primary(facts, moment)
    cards = {pk: primary[pk] for pk in alive}
    carried = _carried(cards, moment.date())
    read = Moment(facts, moment, cohort_of(moment.date(), book), carried)
    scores = read.scores(cards)
    features = features_as_of(facts, moment)
    churn = estimate_churn({pk: features[pk] for pk in alive}, {pk: scores[pk].band for pk in alive})
    past = compared_with(alive, moment.date())
    as_before = by_former_card(read, cards, {pk: row.card_version for pk, row in past.items()})
    overrides, recent = _overrides(alive, moment), _recent_scores(alive, moment.date())
    scored: dict[int, Scored] = {}
    for pk in alive:
        set_to = overridden(scores[pk], overrides.get(pk, ()))
        changes, delta = compare(past.get(pk), scores[pk], set_to, as_before.get(pk))
        estimate = churn.get(pk)
        extra: dict[str, Any] = {"features": features[pk], "model": estimate.model if estimate else ""}
        if set_to.effects:
            extra["overrides"] = [effect.to_json() for effect in set_to.effects]
        digest = inputs_hash(scores[pk], cards[pk].version, extra)
        line = recent.setdefault(pk, [])
        if set_to.final is not None:
            line.append((moment.date().toordinal(), set_to.final))
        trend = trend_of(delta, line)
        scored[pk] = Scored(scores[pk], estimate, changes, delta, digest, cards[pk].version, set_to, trend)
    lenses = _lens_rows(read, book, alive)
    _write(
        facts, scored, lenses, {pk: weekly(line, moment.date()) for pk, line in recent.items()}, moment, by
    )
    return len(scored)


def snapshot_of(account_id: int, day: date, scored: Scored, *, computed_at: datetime) -> HealthSnapshot:
    """Return the row that stores a score."""
    score, churn = scored.score, scored.churn
    return HealthSnapshot(
        account_id=account_id,
        as_of=day,
        card_version=scored.version,
        raw_score=score.raw,
        score=scored.set_to.final,
        band=scored.set_to.band,
        model_score=score.final,
        overrides=[effect.to_json() for effect in scored.set_to.effects],
        trend=scored.trend,
        coverage=round(score.coverage, 6),
        confidence=score.confidence,
        parts=parts_of(score),
        knock_outs=[cap.to_json() for cap in score.caps],
        changes=[change.to_json() for change in scored.changes],
        delta_30=scored.delta,
        churn_probability=churn.probability if churn else None,
        churn_probability_30=churn.probability_30 if churn else None,
        churn_probability_60=churn.probability_60 if churn else None,
        churn_low=churn.low if churn else None,
        churn_high=churn.high if churn else None,
        churn_model=churn.model if churn else "",
        drivers=list(churn.drivers) if churn else [],
        inputs_hash=scored.digest,
        computed_at=computed_at,
    )


def _overrides(account_ids: Sequence[int], moment: datetime) -> dict[int, list[Override]]:
    """Return the overrides that counted at a moment, by account; those that ended since counted until then."""
    rows = HealthOverride.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=moment),
        account_id__in=among(account_ids),
        starts_at__lte=moment,
        expires_at__gt=moment,
    ).order_by("pk")
    found: dict[int, list[Override]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(Override(row.pk, row.signal, row.kind, row.value))
    return found


def _carried(cards: Mapping[int, Card], day: date) -> dict[int, dict[str, Measure]]:
    """Return the measures of the last snapshot before a day, for accounts whose card carries values forward."""
    wanted = [
        pk for pk, card in cards.items() if any(rule.missing == Missing.CARRY for rule in card.measures)
    ]
    if not wanted:
        return {}
    former = HealthSnapshot.objects.filter(account_id__in=among(wanted), as_of__lt=day)
    newest = dict(former.order_by().values_list("account_id").annotate(newest=Max("as_of")))
    rows = former.filter(as_of__in=set(newest.values())).values_list("account_id", "as_of", "parts")
    return {
        pk: {measure.key: measure for measure in measures_from(parts)}
        for pk, at, parts in rows
        if newest[pk] == at
    }


def _lens_rows(read: Moment, book: CardBook, alive: Sequence[int]) -> list[LensSnapshot]:
    """Return the further scores of accounts that further cards apply to."""
    now, wanted, rows = timezone.now(), set(alive), []
    for lens, cards in book.lenses(read.facts, read.as_of).items():
        chosen = {pk: card for pk, card in cards.items() if pk in wanted}
        for pk, score in read.scores(chosen).items():
            rows.append(
                LensSnapshot(
                    account_id=pk,
                    lens=lens,
                    as_of=read.as_of.date(),
                    card_version=chosen[pk].version,
                    score=score.final,
                    band=score.band,
                    coverage=round(score.coverage, 6),
                    confidence=score.confidence,
                    parts=parts_of(score),
                    knock_outs=[cap.to_json() for cap in score.caps],
                    computed_at=now,
                )
            )
    return rows


def _write(
    facts: Facts,
    scored: Mapping[int, Scored],
    lenses: Sequence[LensSnapshot],
    trends: Mapping[int, list[float]],
    moment: datetime,
    by: Viewer,
) -> None:
    """Store snapshots and columns and record what is worth telling, in one transaction."""
    now, day = timezone.now(), moment.date()
    with transaction.atomic():
        locked = Account.objects.select_for_update().filter(pk__in=among(facts.account_ids))
        accounts = list(locked.order_by("pk"))
        store_instances(
            [snapshot_of(pk, day, entry, computed_at=now) for pk, entry in scored.items()],
            unique=["account", "as_of"],
        )
        store_instances(lenses, unique=["account", "lens", "as_of"])
        told = [_news(account, scored[account.pk]) for account in accounts if account.pk in scored]
        open_tickets = _open_tickets(facts.account_ids)
        for account in accounts:
            account.open_tickets = open_tickets.get(account.pk, 0)
            _set_columns(account, scored.get(account.pk), trends.get(account.pk, []), now)
        update_instances(accounts, _COLUMNS)
        BAND_CHANGED.record_many(by=by, rows=[news for kind, news in told if kind == "band"])
        SCORE_CHANGED.record_many(by=by, rows=[news for kind, news in told if kind == "score"])


_COLUMNS = [
    "health_score", "health_band", "health_delta_30", "health_coverage", "health_trend", "health_scored_at",
    "churn_probability", "churn_probability_30", "churn_probability_60", "churn_low", "churn_high", "value_at_risk",
    "open_tickets",
]  # fmt: skip


def _set_columns(account: Account, entry: Scored | None, trend: list[float], now: datetime) -> None:
    """Fill the account's columns; an account without enough data, or gone, shows no number."""
    known = entry is not None and entry.set_to.band != Account.Band.UNKNOWN
    account.health_score = (
        round(entry.set_to.final, 2) if known and entry and entry.set_to.final is not None else None
    )
    account.health_band = entry.set_to.band if entry else Account.Band.UNKNOWN
    account.health_delta_30 = round(entry.delta, 2) if known and entry and entry.delta is not None else None
    account.health_coverage = round(entry.score.coverage, 4) if entry else None
    account.health_trend = trend
    account.health_scored_at = now
    churn = entry.churn if entry else None
    account.churn_probability = churn.probability if churn else None
    account.churn_probability_30 = churn.probability_30 if churn else None
    account.churn_probability_60 = churn.probability_60 if churn else None
    account.churn_low = churn.low if churn else None
    account.churn_high = churn.high if churn else None
    account.value_at_risk = (
        round(account.arr * Decimal(str(round(churn.probability, 6))), 2) if churn else None
    )  # fmt: skip


def _news(account: Account, entry: Scored) -> tuple[str, dict[str, Any]]:
    """Return what kind of event a new score is ("band", "score" or "") and its row; the first score is none."""
    band = entry.set_to.band
    old, new = account.health_score, entry.set_to.final if band != Account.Band.UNKNOWN else None
    delta = None if old is None or new is None else new - old
    kind = ""
    if account.health_scored_at is not None and account.health_band != band:
        kind = "band"
    elif delta is not None and abs(delta) >= TOLD_POINTS:
        kind = "score"
    detail = {
        "old_band": account.health_band,
        "new_band": band,
        "old_score": old,
        "score": None if new is None else round(new, 2),
        "delta": None if delta is None else round(delta, 2),
        "delta_30": None if entry.delta is None else round(entry.delta, 2),
        "changes": [change.to_json() for change in entry.changes[:TOLD_CHANGES]],
        "caps": [cap.key for cap in entry.score.caps],
        "churn_probability": entry.churn.probability if entry.churn else None,
    }
    return kind, {"subject_id": account.pk, "account_id": account.pk, "detail": detail}


def _recent_scores(account_ids: Sequence[int], day: date) -> dict[int, list[tuple[int, float]]]:
    """Return (ordinal of the day, score) of the 90 days before a day, oldest first."""
    rows = (
        HealthSnapshot.objects.filter(
            account_id__in=among(account_ids), as_of__gt=day - timedelta(days=TREND_DAYS), as_of__lt=day
        )
        .exclude(score=None)
        .order_by("as_of")
        .values_list("account_id", "as_of", "score")
    )
    table = columns(rows, "ndn")
    found: dict[int, list[tuple[int, float]]] = {}
    for account_id, at, score in zip(
        table[:, 0].astype(int).tolist(), table[:, 1].astype(int).tolist(), table[:, 2].tolist(), strict=True
    ):
        found.setdefault(account_id, []).append((at, score))
    return found


def weekly(scores: Sequence[tuple[int, float]], day: date) -> list[float]:
    """Return about weekly scores, oldest first, the newest last."""
    last = day.toordinal()
    weeks = {(last - at) // 7: round(score, 1) for at, score in scores}
    return [weeks[week] for week in sorted(weeks, reverse=True)][-TREND_POINTS:]


def _open_tickets(account_ids: Sequence[int]) -> dict[int, int]:
    """Return the number of tickets that are open now, per account that has any."""
    rows = (
        Ticket.objects.active().filter(account_id__in=among(account_ids)).order_by().values_list("account_id")
    )
    return {
        account_id: number
        for account_id, number in rows.annotate(number=Count("pk"))
        if account_id is not None
    }
