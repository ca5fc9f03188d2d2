"""Facts of one moment, read at once, are what facts of many moments say of it; whatever is written later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from customers.models import Account, Contact, UsageDaily, UsageDailyRevision
from health.churn.features import features_as_of
from health.facts import Facts, moment_of
from health.peers import NO_COHORT
from health.registry import signals
from tests.health.world import build_world, write_message


@pytest.fixture
def accounts(db: None) -> list[int]:
    """A small world with gaps, late and corrected days, an old user that is silent, and one that never began."""
    today = timezone.now().date()
    world = build_world(count=10, days=260, today=today, seed=3)
    draw = np.random.default_rng(5)
    rows = list(UsageDaily.objects.order_by("pk"))
    for row in (rows[int(place)] for place in draw.integers(0, len(rows), 60)):
        late = row.recorded_at + timedelta(days=int(draw.integers(1, 90)))
        UsageDailyRevision.objects.create(
            account_id=row.account_id, day=row.day, feature=row.feature, events=row.events, users=row.users,
            recorded_at=row.recorded_at, superseded_at=late,
        )  # fmt: skip
        UsageDaily.objects.filter(pk=row.pk).update(users=row.users + 7, recorded_at=late)
    silent, never = Account.objects.create(name="Silent", seats=5), Account.objects.create(name="Never")
    long_ago = today - timedelta(days=250)
    at = datetime(long_ago.year, long_ago.month, long_ago.day, tzinfo=UTC)
    UsageDaily.objects.create(account=silent, day=long_ago, events=3, users=2, recorded_at=at)
    for number, account in enumerate(world.accounts[:4]):
        contact = Contact.objects.create(account=account, name="Sig Moen", role="sponsor")
        for day in (3, 30, 80):
            at = timezone.now() - timedelta(days=day)
            write_message(account, contact, 10 * day + number, at=at, score=0.1 * number, priority="urgent")
    return [account.pk for account in world.accounts] + [silent.pk, never.pk]


@pytest.mark.parametrize("days_ago", [1, 5, 45, 100])
def test_one_moment_and_many_say_the_same(accounts: list[int], days_ago: int) -> None:
    moment = moment_of(timezone.now().date() - timedelta(days=days_ago))
    alone = Facts(accounts, first=moment, last=moment)
    among = Facts(accounts, first=moment - timedelta(days=40), last=moment + timedelta(days=1))
    assert np.isfinite(alone.usage(moment).users).any()
    np.testing.assert_array_equal(alone.usage(moment).users, among.usage(moment).users)
    np.testing.assert_array_equal(alone.usage(moment).events, among.usage(moment).events)
    for signal in signals:
        ours, theirs = (signal.readings(facts, moment, NO_COHORT) for facts in (alone, among))
        np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-9, err_msg=signal.key)
    ours_by_account, theirs_by_account = features_as_of(alone, moment), features_as_of(among, moment)
    for pk in accounts:
        assert ours_by_account[pk] == pytest.approx(theirs_by_account[pk]), pk


def test_an_old_user_is_silent_and_a_new_one_unknown(accounts: list[int]) -> None:
    moment = moment_of(timezone.now().date() - timedelta(days=1))
    users = Facts(accounts, first=moment, last=moment).usage(moment).users
    assert (users[-2] == 0).all()
    assert np.isnan(users[-1]).all()
