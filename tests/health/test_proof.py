"""What became of each band, and churns that no score announced: job, page, REST."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.job_runner import run_jobs, start_job
from core.models import Event, Job
from customers.models import Account, RevenueMovement
from health.models import HealthSnapshot, SurpriseChurn
from health.outcomes import band_proofs, moments
from health.services.review_surprises import close_surprise, open_surprises
from people.models import User
from people.viewer import Viewer, system_viewer

BY = system_viewer("task")
TODAY = timezone.now().date()


def snapshot(account: Account, day: date, band: str, score: float) -> None:
    HealthSnapshot.objects.create(
        account=account, as_of=day, card_version="card-1", raw_score=score, score=score, band=band, coverage=1,
        confidence="high", inputs_hash="x", computed_at=timezone.now(),
        parts=[
            {"key": "seat_use", "group": "adoption", "weight": 1, "value": 0.2, "n": 20.0, "freshness": 1, "share": 0.5},
            {"key": "csm_touch", "group": "relationship", "weight": 1, "value": None, "n": None, "freshness": 0, "share": 0},
        ],
    )  # fmt: skip


def leaver(name: str, said: date, *, effective: date | None = None) -> Account:
    account = Account.objects.create(name=name, arr=12_000, customer_since=TODAY - timedelta(days=900))
    RevenueMovement.objects.create(
        account=account, kind="churn", amount=-12_000, effective_on=effective or said, notice_on=said,
        recorded_at=timezone.now(),
    )  # fmt: skip
    return account


def measure() -> None:
    start_job(kind="health.measure_bands", key=TODAY.isoformat(), by=BY)
    run_jobs("batch")
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def test_bands_count_closed_windows_of_those_who_stay_and_leave(db: None) -> None:
    newest, before, *_older = moments(TODAY)
    stays = Account.objects.create(name="Stays", customer_since=TODAY - timedelta(days=900))
    young = Account.objects.create(name="Young", customer_since=newest - timedelta(days=20))
    early = leaver("Within the week", newest + timedelta(days=5))
    inside = leaver("Within the window", newest + timedelta(days=60), effective=TODAY)
    late = leaver("After the window", newest + timedelta(days=98))
    for account in (stays, young, early, inside, late):
        snapshot(account, newest - timedelta(days=2), "watch", 55)
    # The last one of the week counts; one outside of it and one of an open window do not.
    snapshot(stays, newest - timedelta(days=4), "healthy", 90)
    snapshot(stays, newest - timedelta(days=12), "healthy", 90)
    snapshot(stays, TODAY, "healthy", 90)
    snapshot(inside, before, "steady", 70)
    # After the notice nothing counts.
    gone = leaver("Gone before", before - timedelta(days=1))
    snapshot(gone, before, "at_risk", 20)
    measure()
    found = {band: (proof.account_days, proof.churned) for band, proof in band_proofs().items()}
    assert found == {"watch": (4, 1), "steady": (1, 1)}
    watch = band_proofs()["watch"]
    assert watch.low is not None
    assert watch.high is not None
    # Wilson, 1 of 4 at 95 %.
    assert (round(watch.low, 4), round(watch.high, 4)) == (0.0456, 0.6994)


def test_a_calm_churn_opens_one_review(db: None) -> None:
    said = TODAY - timedelta(days=10)
    calm, seen, old = leaver("Calm", said), leaver("Seen", said), leaver("Old", TODAY - timedelta(days=300))
    snapshot(calm, said - timedelta(days=61), "steady", 71)
    snapshot(calm, said - timedelta(days=20), "at_risk", 20)  # too late
    snapshot(seen, said - timedelta(days=61), "at_risk", 30)
    snapshot(old, TODAY - timedelta(days=361), "healthy", 90)
    ids = list(Account.objects.values_list("pk", flat=True))
    assert open_surprises(by=BY, account_ids=ids, until=TODAY) == 1
    assert open_surprises(by=BY, account_ids=ids, until=TODAY) == 0
    surprise = SurpriseChurn.objects.get()
    assert (surprise.account, surprise.band, surprise.score, surprise.left_on) == (calm, "steady", 71, said)
    assert surprise.arr == 12_000
    assert surprise.missed == [{"key": "seat_use", "n": 20.0}, {"key": "csm_touch", "n": None}]
    assert Event.objects.get(verb="health.surprise_opened").account_id == calm.pk


@pytest.fixture
def surprise(db: None) -> SurpriseChurn:
    account = leaver("Hollow Oak", TODAY - timedelta(days=3))
    snapshot(account, TODAY - timedelta(days=63), "healthy", 88)
    open_surprises(by=BY, account_ids=[account.pk], until=TODAY)
    return SurpriseChurn.objects.get()


def test_a_review_is_closed_once(surprise: SurpriseChurn, viewer: Viewer) -> None:
    with pytest.raises(ValidationError) as error:
        close_surprise(by=BY, surprise=surprise, root_cause="weather", note="")
    assert set(error.value.message_dict) == {"root_cause"}
    assert close_surprise(by=BY, surprise=surprise, root_cause="too_late", note=" The buyer left. ")
    assert not close_surprise(by=BY, surprise=surprise, root_cause="not_measured", note="")
    surprise.refresh_from_db()
    assert (surprise.root_cause, surprise.note) == ("too_late", "The buyer left.")
    assert Event.objects.get(verb="health.surprise_closed").detail.data == {
        "root_cause": "too_late", "text": "The buyer left.",
    }  # fmt: skip
    with pytest.raises(PermissionDenied):
        close_surprise(by=viewer, surprise=surprise, root_cause="too_late", note="")


def test_the_page_shows_bands_and_reviews(surprise: SurpriseChurn, client: Client) -> None:
    client.force_login(User.objects.create(email="csm@one.example", role="csm"))
    snapshot(surprise.account, moments(TODAY)[0], "healthy", 90)
    measure()
    text = client.get("/health/proof/").content.decode()
    assert "Hollow Oak" in text
    assert "Use of seats 20" in text
    assert "100.0\xa0%" in text
    tab = client.get(f"/customers/{surprise.account_id}/health/").content.decode()
    assert "account-days in this band" in tab
    dialog = client.get(f"/health/surprises/{surprise.pk}/close/").content.decode()
    assert "Why nobody saw Hollow Oak leave" in dialog
    assert client.post(f"/health/surprises/{surprise.pk}/close/", {}).status_code == 422
    answer = client.post(f"/health/surprises/{surprise.pk}/close/", {"root_cause": "too_light", "note": "x"})
    assert answer.status_code == 302
    assert "Hollow Oak" not in client.get("/health/proof/").content.decode()
    assert "A signal counted too little" in client.get("/health/proof/?state=closed").content.decode()
    assert client.get("/health/proof/rows/?before=99999").status_code == 200


def test_the_page_pages(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("health.pages.proof.PAGE", 2)
    for number in range(5):
        account = leaver(f"Leaver {number}", TODAY - timedelta(days=number // 2))
        snapshot(account, TODAY - timedelta(days=65), "healthy", 88)
    open_surprises(by=BY, account_ids=list(Account.objects.values_list("pk", flat=True)), until=TODAY)
    client.force_login(User.objects.create(email="csm@one.example", role="csm"))
    seen, url = [], "/health/proof/"
    while url:
        response = client.get(url)
        seen += [row.account.name for row, _words in response.context["surprises"]]
        url = response.context["next_url"]
    assert sorted(seen) == [f"Leaver {number}" for number in range(5)]


def test_rest(surprise: SurpriseChurn, api: Callable[..., APIClient]) -> None:
    reader, writer = api("health:read"), api("health:read", "health:write")
    assert reader.get("/api/v1/health/bands/").json() == []
    [row] = reader.get("/api/v1/health/surprises/?open=true").json()["results"]
    assert (row["account"], row["band"], row["root_cause"]) == (surprise.account_id, "healthy", "")
    url = f"/api/v1/health/surprises/{surprise.pk}/close/"
    assert reader.post(url, {"root_cause": "too_late"}).status_code == 403
    assert "root_cause" in str(writer.post(url, {"root_cause": "weather"}).json())
    assert writer.post(url, {"root_cause": "too_late", "note": "Sold."}).json()["note"] == "Sold."
    assert reader.get("/api/v1/health/surprises/?open=true").json()["results"] == []
