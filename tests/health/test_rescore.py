"""The nightly run in ranges: several workers, a killed one, an account that cannot be scored, and what events moved meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.job_runner import run_jobs, start_job
from core.models import Job
from customers.models import Account
from health.jobs import rescore
from health.models import HealthSnapshot, ScoreDue
from health.services import score_due
from health.services.score_accounts import score_accounts
from health.services.score_due import mark_score_due
from people.viewer import Viewer, system_viewer
from tests.health.world import build_world

BY = system_viewer("task")


@pytest.fixture
def accounts(db: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Eleven living accounts of twelve, in ranges of five and slices of two."""
    monkeypatch.setattr(rescore, "RANGE", 5)
    monkeypatch.setattr(rescore, "BATCH", 2)
    world = build_world(count=12, days=60, today=timezone.now().date(), leaving=0)
    gone = world.accounts[4]
    Account.objects.filter(pk=gone.pk).update(churned_on=timezone.now().date())
    return [account.pk for account in world.accounts if account.pk != gone.pk]


def start() -> Job:
    return start_job(kind="health.rescore_all", key="today", by=BY)


def scored() -> list[int]:
    return sorted(HealthSnapshot.objects.values_list("account_id", flat=True))


def test_the_ranges_hold_everybody_once(accounts: list[int]) -> None:
    start()
    run_jobs("batch")
    whole = Job.objects.get(kind="health.rescore_all")
    assert (whole.state, whole.result, whole.done, whole.total) == ("done", {"scored": 11}, 11, 11)
    assert Job.objects.filter(kind="health.rescore_range", state="done").count() == 3
    assert scored() == accounts


def test_a_killed_worker_loses_nothing(accounts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    start()
    real, calls = score_accounts, 0

    def dies(*, account_ids: list[int], by: Viewer) -> int:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt  # no handler of the job runs, as with kill -9
        return real(account_ids=account_ids, by=by)

    monkeypatch.setattr(score_due, "score_accounts", dies)
    with pytest.raises(KeyboardInterrupt):
        run_jobs("batch")
    assert 0 < len(scored()) < 11
    # A split that is repeated starts no range twice.
    Job.objects.filter(kind="health.rescore_all").update(cursor={}, not_before=None)
    Job.objects.update(leased_until=timezone.now() - timedelta(seconds=1), not_before=None)
    run_jobs("batch")
    Job.objects.update(not_before=None)
    run_jobs("batch")
    assert Job.objects.filter(kind="health.rescore_range").count() == 3
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}
    assert scored() == accounts


def test_one_that_cannot_be_scored_holds_nobody_up(
    accounts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(*, account_ids: list[int], by: Viewer) -> int:
        if accounts[5] in account_ids:
            raise ValueError("nobody foresaw this")
        return score_accounts(account_ids=account_ids, by=by)

    monkeypatch.setattr(score_due, "score_accounts", fragile)
    start()
    run_jobs("batch")
    assert scored() == [pk for pk in accounts if pk != accounts[5]]


def test_what_an_event_moved_goes_first(accounts: list[int]) -> None:
    rescore.RescoreAll().run_slice(start())
    mark_score_due(account_ids=[accounts[-1]], reason="test")
    first = Job.objects.filter(kind="health.rescore_range").order_by("pk")[0]
    rescore.RescoreRange().run_slice(first)
    assert not ScoreDue.objects.exists()
    assert scored() == [*accounts[:2], accounts[-1]]
