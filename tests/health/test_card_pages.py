"""Health cards over pages and REST: the editor, publishing, the time machine, and the queue of missing data."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Event, Job
from customers.models import Account
from health.cards import content_of, default_card
from health.data_debt import data_debt, frees
from health.jobs.replay import ReplayCard
from health.models import CardReplay, HealthCard
from health.replaying import auc, lift, summary_of
from health.services.replay_card import replay_next, start_replay
from health.services.save_card import save_card, save_draft
from health.services.score_accounts import score_accounts
from people.models import User
from people.viewer import system_viewer
from tests.health.world import build_world

BY = system_viewer("test")
Login = Callable[[User], Client]


def fields(**changed: str) -> dict[str, str]:
    """What the editor posts for the built-in card."""
    posted = {
        f"weight-{measure['signal']}": f"{measure['weight']:g}"
        for measure in content_of(default_card())["measures"]
    }
    posted |= {f"ceiling-{key}": f"{ceiling:g}" for key, ceiling in default_card().ceilings.items()}
    return posted | {name.replace("__", "-"): value for name, value in changed.items()}


def test_a_card_is_made_edited_published_and_taken_back(login: Login, lead_user: User, csm: User) -> None:
    browser = login(lead_user)
    browser.post("/settings/health/cards/new/", {
        "name": "Enterprise", "lens": "health", "is_primary": "on", "priority": "10", "tiers": ["enterprise"]})  # fmt: skip
    card = HealthCard.objects.get()
    assert card.applies_to["of"][0]["value"] == ["enterprise"]
    url = f"/settings/health/cards/{card.pk}/"
    refused = browser.post(url, fields(weight__seat_use="lots"))
    assert refused.status_code == 422
    assert "A weight lies between" in refused.content.decode()
    preview = browser.post(f"{url}preview/", fields(weight__seat_use="500")).content.decode()
    assert "Use of seats alone is" in preview
    assert browser.post(url, fields(weight__seat_use="30", points__seat_use="0 0; 1 100")).status_code == 302
    body = browser.get(url).content.decode()
    assert "0 0; 1 100" in body
    browser.post(f"{url}publish/", {"note": "Seats"})
    card.refresh_from_db()
    assert card.live is not None
    measure = next(one for one in card.live.content["measures"] if one["signal"] == "seat_use")
    assert (measure["weight"], measure["normaliser"]["points"]) == (30, [[0, 0], [1, 100]])
    assert "Live, version 1" in browser.get("/settings/health/cards/").content.decode()
    browser.post(url, fields(weight__seat_use="40"))
    browser.post(f"{url}publish/", {})
    first = card.versions.get(number=1)
    browser.post(f"{url}versions/{first.pk}/live/")
    card.refresh_from_db()
    assert card.live == first
    browser.post(f"{url}retire/")
    card.refresh_from_db()
    assert card.live is None
    assert login(csm).get(url).status_code == 403


def test_rest(api: Callable[..., Any], db: None) -> None:
    client = api("health:read", "health:write")
    made = client.post("/api/v1/health/cards/", {"name": "Young", "priority": 5,
        "applies_to": {"field": "tenure_days", "is": "at_most", "value": 90}}, format="json")  # fmt: skip
    assert made.status_code == 201
    url = f"/api/v1/health/cards/{made.json()['id']}/"
    wrong = client.put(f"{url}draft/", {"content": {"measures": [{"signal": "rain"}]}}, format="json")
    assert wrong.status_code == 400
    assert "measures.rain" in str(wrong.json()["errors"])
    draft = client.put(
        f"{url}draft/",
        {"content": {"measures": [{"signal": "seat_use"}, {"signal": "last_use"}]}},
        format="json",
    ).json()
    assert draft["number"] is None
    assert sum(draft["shares"].values()) == pytest.approx(1)
    assert draft["warnings"]
    assert client.post(f"{url}publish/", {"note": "x"}, format="json").json()["number"] == 1
    assert client.post(f"{url}publish/", {}, format="json").status_code == 400
    client.put(f"{url}draft/", {"content": {"measures": [{"signal": "seat_use"}]}}, format="json")
    assert client.post(f"{url}publish/", {}, format="json").json()["number"] == 2
    assert client.post(f"{url}versions/1/live/").json()["number"] == 1
    assert client.get(url).json()["live_version"] == 1
    assert [one["number"] for one in client.get(f"{url}versions/").json()] == [2, 1]
    assert client.patch(url, {"priority": 7}, format="json").json()["priority"] == 7
    assert client.patch(url, {"applies_to": {"field": "x"}}, format="json").status_code == 400
    assert [one["id"] for one in client.get("/api/v1/health/cards/").json()["results"]] == [made.json()["id"]]
    assert client.post(f"{url}retire/").json()["live_version"] is None
    assert api("health:read").post("/api/v1/health/cards/", {"name": "Y"}, format="json").status_code == 403


def test_the_time_machine_compares_a_draft_with_what_is_live(login: Login, lead_user: User) -> None:
    """Leavers of a world whose use tells of leaving: a card that looks at use alone sees it, one at the calendar does not."""
    today = timezone.now().date()
    build_world(count=30, days=400, today=today, leaving=0.4)
    card = save_card(card=None, values={"name": "Calendar"}, by=BY)
    only = {"measures": [{"signal": "renewal_near"}, {"signal": "ticket_load"}], "knock_outs": {}}
    save_draft(card=card, content=only, by=BY)
    login(lead_user).post(f"/settings/health/cards/{card.pk}/replay/")
    replay = CardReplay.objects.get()
    job = Job.objects.get(kind="health.replay_card")
    assert job.params == {"replay": replay.pk}
    assert ReplayCard().run_slice(job).finished
    replay.refresh_from_db()
    live, draft = replay.summary["live"], replay.summary["draft"]
    assert live["churned"] == draft["churned"] > 3
    assert live["auc"] > 0.7 > draft["auc"]
    assert draft["unknown"] == 1.0
    assert replay.summary["accounts"] == 30
    body = login(lead_user).get(f"/settings/health/cards/{card.pk}/").content.decode()
    assert "Ranks leavers below the others" in body
    assert Event.objects.filter(verb="health.card_replayed").exists()
    before = list(replay.rows)
    replay_next(replay=replay)
    replay.refresh_from_db()
    assert replay.rows == before


@pytest.mark.django_db
def test_a_replay_of_the_same_card_changes_nothing() -> None:
    build_world(count=8, days=300, today=timezone.now().date(), leaving=0.2)
    replay = start_replay(card=save_card(card=None, values={"name": "Same"}, by=BY), by=BY)
    while not replay_next(replay=replay):
        pass
    assert replay.summary["live"] == replay.summary["draft"]
    assert replay.summary["moved"] == 0
    assert all(row["live"] == row["draft"] for row in replay.rows)


def test_figures_of_a_known_case() -> None:
    assert auc([10, 20, 30, 40], [True, False, True, False]) == 0.75
    assert auc([10, 10], [True, False]) == 0.5
    assert auc([1.0], [True]) is None
    assert lift([float(i) for i in range(20)], [True, True, *[False] * 18]) == 10
    day = date(2026, 1, 1)
    days = [day, day + timedelta(days=28)]
    row = {"id": 1, "name": "A", "left": "2026-04-01", "live": [[90.0, "healthy", 1.0], [85.0, "healthy", 1.0]],
           "draft": [[40.0, "at_risk", 1.0], [45.0, "at_risk", 1.0]]}  # fmt: skip
    summary = summary_of([row], days, date(2026, 12, 1))
    assert (summary["live"]["surprised"], summary["draft"]["surprised"]) == (1, 0)
    assert summary["moves"] == {"healthy>at_risk": 1}
    assert summary["live"]["jump"] == 5


def test_missing_data_is_ranked_by_what_it_would_free(
    account: Account, login: Login, csm: User, api: Any
) -> None:
    """An account without use: what one source alone would give a band comes first."""
    score_accounts(account_ids=[account.pk], by=BY)
    account.refresh_from_db()
    assert account.health_band == "unknown"
    report = data_debt(csm.as_viewer())
    assert (report.unknown, report.unknown_arr) == (1, account.arr)
    assert "active_users" in {debt.signal for debt in report.lines}
    told = api("health:read").get("/api/v1/health/data-debt/").json()
    assert told["unknown"] == 1
    part = {"weight": 1.0, "value": 1.0, "freshness": 1.0, "share": 0.1}
    parts = [
        part | {"key": "a", "group": "x", "n": 50.0},
        part | {"key": "b", "group": "y", "n": 50.0},
        part | {"key": "c", "group": "x", "n": None, "weight": 1.0},
        part | {"key": "d", "group": "x", "n": None, "weight": 3.0},
    ]
    assert frees(parts) == {"c", "d"}
    assert frees(parts[1:]) == set()
