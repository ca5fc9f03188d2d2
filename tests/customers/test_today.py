"""The Today queue: who is in it, in which order, why, and how one gets out of it."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Account, Contact
from customers.registry import Saveability, saveability
from customers.services.mark_today import mark_today
from customers.today import ASSUMED_SAVEABILITY, today_items
from people.models import User
from success.models import CTA
from tickets.models import Ticket

Login = Callable[[User], Client]
TODAY = timezone.localdate()


def make(name: str, **fields: Any) -> Account:
    arr = Decimal(fields.pop("arr", 10_000))
    churn = fields.pop("churn", None)
    value = None if churn is None else Decimal(str(churn)) * arr
    return Account.objects.create(
        name=name, arr=arr, churn_probability=churn, value_at_risk=value, lifecycle="established", **fields
    )


def ticket(account: Account, number: int, **fields: Any) -> Ticket:
    now = timezone.now()
    holder = Contact.objects.create(account=account, name="H")
    return Ticket.objects.create(
        number=number, contact=holder, subject="Down again", channel="email", account=account, status_id="open",
        status_category="open", created_at=now, updated_at=now, last_message_at=now, **fields,
    )  # fmt: skip


def names(user: User, **options: Any) -> list[str]:
    items, _total = today_items(user.as_viewer(), Account.objects.all(), limit=50, **options)
    return [item.account.name for item in items]


def test_order_is_value_of_acting_not_value_at_risk(db: None, csm: User) -> None:
    """Half as much at risk, but a third of the work: the smaller one comes first."""
    make("Large", arr=100_000, churn=0.3, health_band="watch", renewal_on=TODAY + timedelta(days=5))
    ticket(make("Quick", arr=100_000, churn=0.2, health_band="healthy"), 1, sentiment_label="negative")
    make("Unknown", arr=900_000, health_band="at_risk")
    make("Fine", arr=500_000, churn=0.5, health_band="healthy")
    items, total = today_items(csm.as_viewer(), Account.objects.all(), limit=50)
    assert [item.account.name for item in items] == ["Quick", "Large", "Unknown"]
    assert total == 3
    quick, large, unknown = items
    assert quick.value == pytest.approx(0.2 * 100_000 * ASSUMED_SAVEABILITY / 15)
    assert large.value == pytest.approx(0.3 * 100_000 * ASSUMED_SAVEABILITY / 30)
    assert unknown.value is None
    assert quick.is_assumed
    assert "assumed" in quick.formula


def test_saveability_of_data_counts(db: None, csm: User) -> None:
    make("Lost anyway", churn=0.9, health_band="at_risk")
    saved = make("Worth it", churn=0.3, health_band="at_risk")

    class Learned(Saveability):
        key = "learned"

        def shares(self, accounts: Collection[Account]) -> Mapping[int, float]:
            return {one.pk: 0.8 if one.pk == saved.pk else 0.01 for one in accounts}

    assert names(csm) == ["Lost anyway", "Worth it"]
    with saveability.temporarily(Learned):
        assert names(csm) == ["Worth it", "Lost anyway"]


def test_tasks_moods_and_broken_promises_bring_accounts_with_their_proof(db: None, csm: User) -> None:
    task, promise, calm = (make(name, health_band="healthy") for name in ("Task", "Promise", "Calm"))
    CTA.objects.create(
        account=task,
        title="Call",
        reason="No sponsor",
        reason_key="x",
        due_on=TODAY,
        created_at=timezone.now(),
    )
    CTA.objects.create(
        account=calm,
        title="Later",
        reason_key="x",
        due_on=TODAY + timedelta(days=9),
        created_at=timezone.now(),
    )
    broken = ticket(promise, 7, promise_due_at=timezone.now() - timedelta(hours=1))
    items, _total = today_items(csm.as_viewer(), Account.objects.all(), limit=50)
    told = {item.account.name: item.signals for item in items}
    assert set(told) == {"Task", "Promise"}
    assert "No sponsor" in told["Task"][0].text
    assert (told["Promise"][0].kind, told["Promise"][0].url) == ("promise", f"/inbox/{broken.pk}/")


def test_done_and_later_hide_for_oneself_for_a_time(
    db: None, csm: User, lead_user: User, login: Login
) -> None:
    one, two = make("One", churn=0.5, health_band="at_risk"), make("Two", churn=0.4, health_band="at_risk")
    client = login(csm)
    assert client.post(f"/customers/{one.pk}/today/").content == b""
    assert client.post(f"/customers/{two.pk}/today/", {"days": "1"}).status_code == 200
    assert names(csm) == []
    assert names(lead_user) == ["One", "Two"]
    assert names(csm, now=timezone.now() + timedelta(days=2)) == ["Two"]
    assert names(csm, now=timezone.now() + timedelta(days=8)) == ["One", "Two"]
    with pytest.raises(ValidationError, match="Choose"):
        mark_today(account=one, by=csm.as_viewer(), days=2)


def test_cost_does_not_grow_and_the_page_tells_reasons(db: None, csm: User, login: Login) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            names(csm)
        return len(queries)

    ticket(make("First", churn=0.5, health_band="at_risk", csm=csm), 1, sentiment_label="negative")
    few = cost()
    for number in range(20):
        account = make(f"More {number}", churn=0.1, health_band="at_risk", csm=csm)
        ticket(account, number + 2, sentiment_label="negative")
    assert cost() == few
    client = login(csm)
    body = client.get("/customers/today/").content.decode()
    assert "Negative mood on #1" in body
    assert "20 % until there is data" in body
    assert "More 19" in body
    assert "Down again" in client.get("/customers/").content.decode()


def test_inbox_sorts_by_value_at_risk(db: None, agent: User, login: Login) -> None:
    for number, value in enumerate([5, 900, 40]):
        ticket(make(f"A{number}", churn=0.5), number + 1, value_at_risk=value, assignee=agent)
    client = login(agent)
    found = client.get("/api/v1/views/open/tickets/?sort=value").json()["results"]
    assert [one["number"] for one in found] == [2, 3, 1]
