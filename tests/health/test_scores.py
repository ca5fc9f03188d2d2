"""Scoring through the service, the task, REST and the pages; what was known when."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from core.job_runner import run_jobs
from core.models import Event, Job
from customers.models import Account, Contact, RevenueMovement, UsageDaily, UsageDailyRevision
from customers.registry import reasons_for
from customers.services.ingest_usage import ingest_usage
from customers.services.log_touch import log_touch
from customers.services.roll_up_usage import roll_up_usage
from health.churn.features import features_as_of
from health.facts import Facts, moment_of
from health.models import CohortDay, HealthSnapshot, ScoreDue
from health.registry import signals
from health.selectors import change_lines
from health.services.score_accounts import score_accounts
from health.services.score_due import mark_score_due
from health.services.score_history import score_history
from health.tasks import score_due_accounts
from people.models import User
from people.viewer import Viewer, contact_viewer, system_viewer
from tests.health.world import World, build_world, write_message
from tickets.events import TICKET_RATED
from tickets.models import ConversationSignal, Ticket

BY = system_viewer("task")


@pytest.fixture
def world(db: None) -> World:
    """Twelve accounts with 230 days of use."""
    return build_world(count=12, days=230, today=timezone.now().date())


@pytest.fixture
def known(account: Account, contact: Contact) -> Account:
    """One account with 200 days of steady use, a message in a good mood and a touch."""
    today = timezone.now().date()
    rows = []
    for offset in range(1, 201):
        day = today - timedelta(days=offset)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        rows += [
            UsageDaily(account=account, day=day, feature=name, events=400, users=180, recorded_at=at)
            for name in ("", "reports", "export")
        ]
    UsageDaily.objects.bulk_create(rows)
    for number in range(2):
        write_message(account, contact, 100 + number, at=timezone.now() - timedelta(days=3), score=0.7)
    Ticket.objects.update(
        resolved_at=timezone.now() - timedelta(days=2), status_id="resolved", status_category="resolved"
    )
    log_touch(account=account, kind="call", text="Went through the roll-out.", by=BY)
    TICKET_RATED.record(
        by=contact_viewer(contact.pk, "page"),
        subject_id=1,
        account_id=account.pk,
        detail={"survey": 1, "score": 5},
    )
    return account


def test_a_score_fills_snapshot_and_columns(known: Account) -> None:
    assert score_accounts(account_ids=[known.pk], by=BY) == 1
    known.refresh_from_db()
    snapshot = HealthSnapshot.objects.get(account=known)
    assert snapshot.as_of == timezone.now().date()
    assert known.health_score == round(snapshot.score or 0, 2)
    assert known.health_band == snapshot.band != "unknown"
    assert known.health_trend == [round(snapshot.score or 0, 1)]
    assert {part["key"] for part in snapshot.parts} == {
        signal.key for signal in signals if signal.in_default_card
    }
    assert sum(part["share"] for part in snapshot.parts) == pytest.approx(1, abs=1e-4)
    values = {part["key"]: part["n"] for part in snapshot.parts}
    assert values["last_use"] == 100
    assert values["active_users"] == 50
    assert values["feature_breadth"] is None  # nobody to compare with
    assert snapshot.coverage > 0.5
    assert not Event.objects.filter(verb__startswith="health.").exists()  # a first score is no change


def test_one_snapshot_per_day_and_the_same_hash(known: Account) -> None:
    moment = timezone.now()
    score_accounts(account_ids=[known.pk], by=BY, as_of=moment)
    first = HealthSnapshot.objects.get(account=known)
    score_accounts(account_ids=[known.pk], by=BY, as_of=moment)
    second = HealthSnapshot.objects.get(account=known)
    assert (second.pk, second.inputs_hash, second.score) == (first.pk, first.inputs_hash, first.score)


def test_without_data_the_band_is_unknown(account: Account) -> None:
    score_accounts(account_ids=[account.pk], by=BY)
    account.refresh_from_db()
    assert account.health_score is None
    assert account.health_band == "unknown"
    assert account.health_coverage is not None
    assert account.health_coverage < 0.5


def test_trouble_moves_the_band_and_says_why(known: Account, contact: Contact) -> None:
    score_accounts(account_ids=[known.pk], by=BY)
    known.refresh_from_db()
    before = known.health_band
    for number in range(4):
        write_message(
            known, contact, 200 + number, at=timezone.now() - timedelta(days=2), score=-0.9, priority="urgent"
        )
    score_accounts(account_ids=[known.pk], by=BY)
    known.refresh_from_db()
    event = Event.objects.get(verb="health.band_changed")
    assert (event.subject_id, event.account_id) == (known.pk, known.pk)
    assert event.detail.data is not None
    assert (event.detail.data["old_band"], event.detail.data["new_band"]) == (before, known.health_band)
    assert event.detail.data["delta"] < -5
    assert "urgent_ticket" in event.detail.data["caps"]
    assert known.health_score is not None
    assert known.health_score <= 60
    assert known.open_tickets == 4


def test_a_notice_caps_at_twenty_and_churn_takes_the_band(known: Account) -> None:
    today = timezone.now().date()
    RevenueMovement.objects.create(
        account=known, kind="churn", amount=-1, effective_on=today + timedelta(days=30), notice_on=today,
        recorded_at=timezone.now(),
    )  # fmt: skip
    score_accounts(account_ids=[known.pk], by=BY)
    known.refresh_from_db()
    assert known.health_score == 20
    assert reasons_for(BY, [known]) == {known.pk: "Notice of leaving given"}
    Account.objects.filter(pk=known.pk).update(churned_on=today)
    assert score_accounts(account_ids=[known.pk], by=BY) == 0
    known.refresh_from_db()
    assert known.health_score is None
    assert str(known.health_band) == "unknown"


def test_a_silent_account_is_capped(known: Account) -> None:
    UsageDaily.objects.filter(day__gte=timezone.now().date() - timedelta(days=31)).delete()
    score_accounts(account_ids=[known.pk], by=BY)
    snapshot = HealthSnapshot.objects.get(account=known)
    assert [cap["key"] for cap in snapshot.knock_outs] == ["no_usage"]
    assert snapshot.score is not None
    assert snapshot.score <= 30


def test_a_departed_sponsor_caps_until_replaced(known: Account) -> None:
    gone = Contact.objects.create(
        account=known, name="Gone", role="sponsor", left_at=timezone.now() - timedelta(days=40)
    )
    score_accounts(account_ids=[known.pk], by=BY)
    assert [cap["key"] for cap in HealthSnapshot.objects.get(account=known).knock_outs] == ["sponsor_gone"]
    Contact.objects.create(account=known, name="New", role=gone.role)
    score_accounts(account_ids=[known.pk], by=BY)
    assert HealthSnapshot.objects.get(account=known).knock_outs == []


def test_scoring_costs_the_same_for_any_number(world: World) -> None:
    ids = [account.pk for account in world.accounts if account.churned_on is None]
    score_accounts(account_ids=ids, by=BY)

    def cost(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            score_accounts(account_ids=ids[:number], by=BY)
        return len(queries)

    assert cost(len(ids)) == cost(2)


def test_scoring_needs_the_right(known: Account, viewer: Viewer) -> None:
    with pytest.raises(PermissionDenied):
        score_accounts(account_ids=[known.pk], by=viewer)


def test_history_says_what_changed_and_adds_up(world: World) -> None:
    written = score_history(by=BY, days=120, step=7)
    assert written == HealthSnapshot.objects.count() > 100
    assert not Event.objects.filter(verb__startswith="health.").exists()
    compared = HealthSnapshot.objects.exclude(delta_30=None)
    assert compared.count() > 50
    for snapshot in compared:
        assert sum(change["points"] for change in snapshot.changes) == pytest.approx(
            snapshot.delta_30, abs=1e-9
        )
        assert sum(line.points for line in change_lines(snapshot)) == pytest.approx(
            snapshot.delta_30, abs=0.06
        )
    assert score_history(by=BY, days=120, step=7) == written
    assert HealthSnapshot.objects.count() == written
    account = world.accounts[0]
    score_accounts(account_ids=[account.pk], by=BY)
    account.refresh_from_db()
    if account.churned_on is None:
        assert len(account.health_trend) == 13


def test_history_is_what_would_have_been_scored(world: World) -> None:
    day = world.today - timedelta(days=1)
    score_history(by=BY, days=1, step=7)
    stored = dict(HealthSnapshot.objects.filter(as_of=day).values_list("account_id", "score"))
    assert CohortDay.objects.filter(day=day).exists()
    score_accounts(account_ids=list(stored), by=BY, as_of=moment_of(day))
    assert dict(HealthSnapshot.objects.filter(as_of=day).values_list("account_id", "score")) == stored


def poke_the_future(account: Account, contact: Contact, moment: datetime) -> None:
    """Write everything one could know later: rows of later days, and rows about earlier days recorded later."""
    late = timezone.now()
    for offset in (-40, -3, 5):
        UsageDaily.objects.update_or_create(
            account=account, day=(moment + timedelta(days=offset)).date(), feature="fortune",
            defaults={"events": 999, "users": 999, "recorded_at": late},
        )  # fmt: skip
    row = UsageDaily.objects.get(account=account, day=(moment - timedelta(days=10)).date(), feature="")
    UsageDailyRevision.objects.create(
        account=account, day=row.day, feature="", events=row.events, users=row.users, recorded_at=row.recorded_at,
        superseded_at=late,
    )  # fmt: skip
    UsageDaily.objects.filter(pk=row.pk).update(users=9999, recorded_at=late)
    write_message(account, contact, 900, at=moment + timedelta(days=1), score=-1.0, priority="urgent")
    imported = write_message(account, contact, 901, at=moment + timedelta(hours=1), score=-1.0)
    imported.created_at = moment - timedelta(days=1)
    imported.save(update_fields=["created_at"])
    RevenueMovement.objects.create(
        account=account, kind="churn", amount=-1, effective_on=moment.date(), notice_on=(moment - timedelta(days=5)).date(),
        recorded_at=moment + timedelta(days=2),
    )  # fmt: skip
    Contact.objects.create(account=account, name="Later", role="champion")
    TICKET_RATED.record(
        by=contact_viewer(contact.pk, "page"), subject_id=1, account_id=account.pk, detail={"survey": 1, "score": 1},
        occurred_at=moment - timedelta(days=1),
    )  # fmt: skip
    # Said before, read later.
    for kind, due_at in (("churn", None), ("bug", None), ("promise", moment - timedelta(days=1))):
        ConversationSignal.objects.create(
            message=imported, kind=kind, source="person", said_at=moment - timedelta(days=2), due_at=due_at,
            state="broken" if kind == "promise" else "open", start=0,
        )  # fmt: skip
    log_touch(account=account, kind="call", text="", by=BY)
    log_touch(account=account, kind="call", text="", by=BY, at=moment - timedelta(days=1))


def test_the_future_does_not_leak(known: Account, contact: Contact) -> None:
    moment = moment_of(timezone.now().date() - timedelta(days=20))
    write_message(known, contact, 800, at=moment - timedelta(days=4), score=0.5)
    write_message(known, contact, 801, at=moment - timedelta(days=9), score=0.2)

    def everything() -> str:
        facts = Facts([known.pk], first=moment, last=moment)
        score_accounts(account_ids=[known.pk], by=BY, as_of=moment)
        snapshot = HealthSnapshot.objects.get(account=known, as_of=moment.date())
        return json.dumps(
            [features_as_of(facts, moment), snapshot.parts, snapshot.knock_outs, snapshot.inputs_hash]
        )

    before = everything()
    poke_the_future(known, contact, moment)
    assert everything() == before


def test_renewals_of_the_past_are_told_by_the_anniversary(account: Account) -> None:
    account.renewal_on = date(2028, 2, 29)
    account.save()
    facts = Facts([account.pk], first=datetime(2026, 2, 1, tzinfo=UTC), last=datetime(2026, 4, 1, tzinfo=UTC))
    assert facts.days_to_renewal(datetime(2026, 2, 1, tzinfo=UTC))[0] == 27
    assert facts.days_to_renewal(datetime(2026, 3, 1, tzinfo=UTC))[0] == 364


def test_usage_reaches_the_score(account: Account, pump: Callable[[], int]) -> None:
    account.external_id = "t"
    account.save()
    now = timezone.now()
    items = [
        {"type": "track", "messageId": f"{day}-{user}", "userId": f"u{user}", "groupId": "t", "event": "report",
         "timestamp": (now - timedelta(days=day)).isoformat()}
        for day in range(1, 60) for user in range(3)
    ]  # fmt: skip
    ingest_usage(items=items, by=BY)
    roll_up_usage(by=BY)
    pump()
    assert ScoreDue.objects.get().reason == "customers.usage_rolled_up"
    score_due_accounts()
    assert not ScoreDue.objects.exists()
    parts = {part["key"]: part for part in HealthSnapshot.objects.get(account=account).parts}
    # Rows recorded today about former days: known now, so today's score sees them.
    assert parts["last_use"]["value"] == 1
    assert parts["seat_use"]["detail"] == {"users": 3.0, "seats": 210}


def test_the_days_full_run_is_one_job(known: Account) -> None:
    score_due_accounts()
    score_due_accounts()
    assert Job.objects.filter(kind="health.rescore_all").count() == 1
    run_jobs("batch")
    job = Job.objects.get(kind="health.rescore_all")
    assert (job.state, job.result) == ("done", {"scored": 1})
    known.refresh_from_db()
    assert known.health_scored_at is not None
    score_due_accounts()
    assert Job.objects.filter(kind="health.rescore_all").count() == 1


def test_rest_gives_the_whole_story(known: Account, api: Callable[..., APIClient]) -> None:
    url = f"/api/v1/accounts/{known.pk}/health/"
    client = api("health:read")
    empty = client.get(url).json()
    assert (empty["band"], empty["score"], empty["parts"], empty["churn"]) == ("unknown", None, [], None)
    score_history(by=BY, days=40, step=1)
    score_accounts(account_ids=[known.pk], by=BY)
    answer = client.get(url + "?days=30").json()
    snapshot = HealthSnapshot.objects.get(account=known, as_of=timezone.now().date())
    assert answer["score"] == snapshot.score
    assert answer["as_of"] == snapshot.as_of.isoformat()
    assert sum(change["points"] for change in answer["changes"]) == pytest.approx(answer["delta_30"])
    assert len(answer["history"]) == 30
    breadth = next(part for part in answer["parts"] if part["key"] == "feature_breadth")
    assert (breadth["n"], breadth["missing"]) == (None, "needs usage data and five comparable accounts")
    assert client.get(url + "?days=none").status_code == 400
    assert client.get("/api/v1/accounts/999999/health/").status_code == 404
    assert api("tickets:read").get(url).status_code == 403


def test_pages_show_the_score(
    known: Account, agent: User, login: Callable[[User], Client], contact: Contact
) -> None:
    browser = login(agent)
    assert "No score yet" in browser.get(f"/customers/{known.pk}/").content.decode()
    score_history(by=BY, days=60, step=7)
    write_message(known, contact, 300, at=timezone.now() - timedelta(hours=5), score=-0.9)
    score_accounts(account_ids=[known.pk], by=BY)
    known.refresh_from_db()
    page = browser.get(f"/customers/{known.pk}/").content.decode()
    assert f"Why {round(known.health_score or 0)}" in page
    assert "13 signals" in page
    tab = browser.get(f"/customers/{known.pk}/health/").content.decode()
    assert all(str(signal.label) in tab for signal in signals if signal.in_default_card)
    ticket = Ticket.objects.get(number=300)
    panel = browser.get(f"/inbox/{ticket.pk}/panels/account_health/").content.decode()
    assert "Ines Carvalho" in panel
    assert "What changed" in panel


def test_a_stranger_has_no_health_panel(known: Account, login: Callable[[User], Client], agent: User) -> None:
    ticket = Ticket.objects.all()[0]
    Ticket.objects.filter(pk=ticket.pk).update(account=None)
    panel = login(agent).get(f"/inbox/{ticket.pk}/panels/account_health/").content.decode()
    assert "belongs to no known customer" in panel


def test_every_signal_describes_itself(known: Account, world: World) -> None:
    score_accounts(account_ids=[known.pk, *(account.pk for account in world.accounts)], by=BY)
    described: dict[str, Any] = {}
    for snapshot in HealthSnapshot.objects.all():
        for part in snapshot.parts:
            if part["value"] is not None:
                described[part["key"]] = signals.get(part["key"]).describe(
                    part["value"], part.get("detail", {})
                )
    assert set(described) == {signal.key for signal in signals if signal.in_default_card}
    assert all(described.values())
    assert all(signal.missing_reason() for signal in signals)


def test_an_account_that_cannot_be_scored_holds_nobody_up(
    known: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Account.objects.create(name="Broken")
    for account in (known, broken):
        mark_score_due(account_ids=[account.pk], reason="test")

    def fragile(*, account_ids: list[int], by: Viewer) -> int:
        if broken.pk in account_ids:
            raise ValueError("nobody foresaw this")
        return score_accounts(account_ids=account_ids, by=by)

    monkeypatch.setattr("health.services.score_due.score_accounts", fragile)
    score_due_accounts()
    assert HealthSnapshot.objects.get().account == known
    assert not ScoreDue.objects.exists()
