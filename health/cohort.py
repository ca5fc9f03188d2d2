"""What is usual among comparable accounts on a day: raw values of relative signals, and how usage moved for everyone.

Computed from a sample of accounts as known when the day before ended, and stored per day, so that every score of a day
compares with the same peers and the same ``as_of`` gives the same score again.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Q

from customers.models import Account
from health.card_book import CardBook
from health.facts import Facts, moment_of
from health.models import CohortDay
from health.peers import EVERYONE, NO_COHORT, Cohort
from health.registry import signals

SAMPLE = 400
FEWEST_FOR_RATIO = 5


def measure_cohort(
    facts: Facts, account_ids: Iterable[int], as_of: datetime, ranked: Collection[str]
) -> Cohort:
    """Measure the cohort of ``account_ids`` (a part of the facts) at a moment: the raw values of the ``ranked`` signals."""
    chosen = set(account_ids)
    segments = {
        account.pk: facts.segment(account, as_of) for account in facts.accounts if account.pk in chosen
    }
    values: dict[str, dict[str, list[float]]] = {}
    for signal in signals:
        if signal.key in ranked:
            column = signal.readings(facts, as_of, NO_COHORT).value
            pairs = [
                (segments[pk], float(value))
                for pk, value in zip(facts.account_ids, column, strict=True)
                if pk in chosen and not np.isnan(value)
            ]
            values[signal.key] = _by_segment(pairs)
    ratios = usage_ratios(facts, as_of)
    pairs = [
        (segments[pk], float(ratio))
        for pk, ratio in zip(facts.account_ids, ratios, strict=True)
        if pk in chosen and not np.isnan(ratio)
    ]
    medians = {
        segment: float(np.median(known))
        for segment, known in _by_segment(pairs).items()
        if len(known) >= FEWEST_FOR_RATIO
    }
    return Cohort(values, {segment: ratio for segment, ratio in medians.items() if ratio > 0})


def _by_segment(pairs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for segment, value in pairs:
        # Six digits keep the stored row small and the JSON round trip exact.
        for name in (segment, EVERYONE):
            found.setdefault(name, []).append(round(value, 6))
    return {name: sorted(known) for name, known in found.items()}


def usage_ratios(facts: Facts, as_of: datetime) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return, per account, mean users of the last 28 days over the median week of the 22 before; NaN when unknown."""
    weekly = facts.usage(as_of).weekly_users
    past, recent = weekly[:, 1:23], weekly[:, -4:].mean(axis=1)
    result = np.full(len(facts), np.nan)
    enough = (~np.isnan(past)).sum(axis=1) >= 8
    usual = np.zeros(len(facts))
    usual[enough] = np.nanmedian(past[enough], axis=1)
    good = enough & (usual > 0) & ~np.isnan(recent)
    result[good] = recent[good] / usual[good]
    return result


def sample_ids(day: date) -> list[int]:
    """Return the ids of at most 400 accounts that were customers on ``day``, evenly spread over all of them."""
    living = Account.objects.filter(
        Q(customer_since=None) | Q(customer_since__lte=day), Q(churned_on=None) | Q(churned_on__gt=day)
    )
    ids = list(living.order_by("pk").values_list("pk", flat=True))
    step = max(1, -(-len(ids) // SAMPLE))
    return ids[::step]


def cohort_of(day: date, book: CardBook) -> Cohort:
    """Return the cohort of a day, measured and stored when nobody has asked before: two queries, or a dozen once a day.

    When cards begin to rank further signals the day is measured again, as known at the same moment.
    """
    stored = CohortDay.objects.filter(day=day, card_version=book.peers_version).first()
    if stored is None:
        ids, as_of = sample_ids(day), moment_of(day - timedelta(days=1))
        cohort = measure_cohort(Facts(ids, first=as_of, last=as_of), ids, as_of, book.ranked)
        stored, _created = CohortDay.objects.update_or_create(
            day=day, defaults={"stats": cohort.to_json(), "card_version": book.peers_version}
        )
    return Cohort.from_json(stored.stats)
