"""Invoices: batches that can be sent again, verdicts per row, what was overdue when as it was known then."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event
from customers.invoices import overdue_invoices
from customers.models import Account, Invoice, InvoiceRevision
from customers.services.upsert_invoices import upsert_invoices
from people.models import User
from people.viewer import system_viewer

SYSTEM = system_viewer("test")
URL = "/api/v1/invoices/"


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    """An invoice that fell due on 1 March."""
    return {
        "external_id": f"R-{number}", "issued_on": date(2026, 2, 1), "due_on": date(2026, 3, 1), "amount": Decimal("120.50"),
        **more,
    }  # fmt: skip


def test_known_then(account: Account) -> None:
    """An invoice that was paid is not overdue; before that was known, it was; on a day before it was paid, it still is."""
    upsert_invoices(rows=[row(account_id=account.pk)], by=SYSTEM)
    before = timezone.now()
    paid = {"external_id": "R-1", "status": "paid", "paid_on": date(2026, 4, 10)}
    assert [one.status for one in upsert_invoices(rows=[paid], by=SYSTEM)] == ["updated"]
    assert [one.status for one in upsert_invoices(rows=[paid], by=SYSTEM)] == ["unchanged"]
    assert InvoiceRevision.objects.count() == 2
    day = date(2026, 4, 20)
    assert overdue_invoices([account.pk], day) == {}
    then = overdue_invoices([account.pk], day, known_at=before)[account.pk]
    assert [(one.days, one.amount, one.currency) for one in then] == [(50, Decimal("120.50"), "EUR")]
    assert overdue_invoices([account.pk], date(2026, 4, 5))[account.pk][0].days == 35
    assert overdue_invoices([account.pk], date(2026, 4, 5), more_than_days=35) == {}
    assert overdue_invoices([account.pk], date(2026, 3, 1)) == {}
    assert overdue_invoices([account.pk], day, known_at=before - timedelta(days=1)) == {}


def test_verdicts_per_row(api: Callable[..., APIClient], account: Account) -> None:
    """Each row stands for itself and says what is wrong with which field."""
    Account.objects.filter(pk=account.pk).update(external_id="acme")
    writer = api("accounts:read", "accounts:write")
    good = {
        "external_id": "R-1",
        "account_external_id": "acme",
        "issued_on": "2026-02-01",
        "due_on": "2026-03-01",
        "amount": "10",
    }
    bad: list[tuple[dict[str, Any], str]] = [
        ({"account_external_id": "nobody"}, "account_external_id"),
        ({"due_on": "2026-01-01"}, "due_on"),
        ({"amount": None}, "amount"),
        ({"status": "paid"}, "paid_on"),
        ({"paid_on": "2026-02-02"}, "paid_on"),
        ({"currency": "E1R"}, "currency"),
        ({"status": "lost"}, "status"),
        ({"colour": "red"}, "colour"),
        ({"external_id": "R-1"}, "external_id"),
    ]
    items = [
        good,
        *({**good, "external_id": f"X-{place}", **more} for place, (more, _named) in enumerate(bad)),
    ]
    answer = writer.post(f"{URL}bulk/", {"items": items}).json()
    assert (answer["created"], answer["refused"]) == (1, len(bad))
    for told, (_more, named) in zip(answer["items"][1:], bad, strict=True):
        assert named in told["errors"], told
    assert Invoice.objects.get().currency == "EUR"
    assert writer.get(f"{URL}?account={account.pk}&status=open").json()["results"][0]["amount"] == "10.00"
    assert Event.objects.get(verb="customers.invoices_recorded").account_id == account.pk
    assert api("accounts:read").post(f"{URL}bulk/", {"items": [good]}).status_code == 403
    assert writer.post(f"{URL}bulk/", {"items": []}).status_code == 400


def test_the_number_of_queries_stays(account: Account, django_assert_max_num_queries: Any) -> None:
    """Fifty rows ask no more than one."""
    upsert_invoices(rows=[row(account_id=account.pk)], by=SYSTEM)
    with django_assert_max_num_queries(20):
        upsert_invoices(rows=[row(number, account_id=account.pk) for number in range(2, 52)], by=SYSTEM)
    with pytest.raises(Exception, match="500"):
        upsert_invoices(rows=[row(number) for number in range(501)], by=SYSTEM)


def test_on_the_account_page(login: Callable[..., Any], csm: User, account: Account) -> None:
    """What is late stands out."""
    late = timezone.localdate() - timedelta(days=45)
    rows = [row(1, account_id=account.pk, issued_on=late, due_on=late)]
    upsert_invoices(rows=rows, by=SYSTEM)
    body = login(csm).get(f"/customers/{account.pk}/invoices/").content.decode()
    assert "45 days late" in body
    assert "overdue for more than 30 days" in body
