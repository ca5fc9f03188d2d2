"""REST of success: tasks, outreach, playbooks and enrolments."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event
from customers.models import Account, Contact
from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision

Api = Callable[..., APIClient]


@pytest.fixture
def playbook(db: None) -> Playbook:
    """A playbook that is on."""
    return Playbook.objects.create(
        key="rescue", name="Rescue", trigger="manual", is_active=True, steps=[{"kind": "wait", "days": 1}]
    )


def test_a_task_is_opened_joined_and_closed(api: Api, account: Account, csm: Any) -> None:
    Account.objects.filter(pk=account.pk).update(external_id="a-1")
    client = api("success:write")
    body = {"account_external_id": "a-1", "title": "Call them", "reason": "Usage fell by half."}
    made = client.post("/api/v1/ctas/", body)
    assert made.status_code == 201, made.data
    assert (made.data["account"], made.data["owner"], made.data["kind"]) == (account.pk, csm.pk, "activity")
    again = client.post("/api/v1/ctas/", {**body, "reason": "And nobody logs in."})
    assert (again.data["id"], len(again.data["evidence"])) == (made.data["id"], 2)
    account.refresh_from_db()
    assert account.next_step == "Call them"
    path = f"/api/v1/ctas/{made.data['id']}/"
    assert client.post(f"{path}close/", {"outcome": "cleared"}).status_code == 400
    closed = client.post(f"{path}close/", {"outcome": "done", "note": "Spoke to Mette."})
    assert (closed.status_code, closed.data["outcome"]) == (200, "done")
    assert client.post(f"{path}close/", {"outcome": "done"}).status_code == 409
    actors = set(Event.objects.filter(subject_kind="cta").values_list("actor_kind", flat=True))
    assert actors == {"api_key"}
    # What a service does on the side gives the key nothing.
    assert client.patch(f"/api/v1/accounts/{account.pk}/", {"seats": 1}).status_code == 403


def test_lists_are_filtered(api: Api, account: Account, contact: Contact, playbook: Playbook) -> None:
    now = timezone.now()
    one = CTA.objects.create(account=account, title="A", reason_key="a", created_at=now)
    CTA.objects.create(account=account, title="B", reason_key="b", created_at=now, closed_at=now)
    mail = Outreach.objects.create(
        account=account, contact=contact, step_key="x", subject="Hello", body="…", created_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip
    SendDecision.objects.create(
        outreach=mail, verdict="withhold", gate="consent", detail="No.", decided_at=now
    )
    client = api("success:read")

    def ids(path: str) -> list[int]:
        return [row["id"] for row in client.get(path).data["results"]]

    assert ids("/api/v1/ctas/?open=true") == [one.pk]
    assert ids(f"/api/v1/ctas/?open=false&account={account.pk}") != [one.pk]
    assert ids("/api/v1/outreach/?state=sent") == []
    shown = client.get(f"/api/v1/outreach/{mail.pk}/").data
    assert (shown["playbook"], shown["decisions"][0]["gate"]) == (None, "consent")
    assert ids("/api/v1/playbooks/?key=rescue") == [playbook.pk]
    assert client.get("/api/v1/ctas/?open=perhaps").status_code == 400
    assert client.post("/api/v1/ctas/", {}).status_code == 403


def test_a_customer_enters_a_playbook_once(api: Api, account: Account, playbook: Playbook) -> None:
    client = api("success:write")
    body = {"playbook": playbook.pk, "account": account.pk, "reason": "The CRM says so."}
    made = client.post("/api/v1/enrolments/", body)
    assert (made.status_code, made.data["state"]) == (201, "active")
    again = client.post("/api/v1/enrolments/", body)
    assert (again.status_code, "already" in again.data["detail"]) == (409, True)
    for change, field in (({"playbook": 10**6}, "playbook"), ({"account": 10**6}, "account")):
        refused = client.post("/api/v1/enrolments/", {**body, **change})
        assert (refused.status_code, list(refused.data["errors"])) == (400, [field])
    assert Enrolment.objects.count() == 1
