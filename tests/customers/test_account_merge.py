"""Two accounts become one, and two again."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Event
from customers.identities import Identity
from customers.models import Account, AccountMerge, Contact, DirtyUsageDay, UsageDaily, UsageEvent
from customers.registry import account_rows_parts
from customers.services.log_touch import log_touch
from customers.services.merge_accounts import merge_accounts, preview_merge, unmerge_accounts
from customers.services.name_account import add_external_id
from customers.services.record_revenue import record_revenue_movement
from customers.services.save_contact import identify_contact
from customers.services.save_subscription import save_subscription
from customers.timeline import account_timeline
from health.models import HealthSnapshot
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.incoming import IncomingMessage
from tickets.models import Inbox, Ticket
from tickets.services.receive_message import receive_message

Login = Callable[[User], Client]


@pytest.fixture
def twin(account: Account, csm: User, inbox: Inbox) -> Account:
    """The same company a second time, with something of everything."""
    by, today = csm.as_viewer(), timezone.now().date()
    made = Account.objects.create(
        name="Halden Log.",
        domain="haldenlog.example",
        external_id="h-2",
        seats=10,
        csm=csm,
        customer_since=today,
    )
    Account.objects.create(name="Branch", parent=made)
    values = {"external_id": "s2", "product": "Core", "arr": 500, "starts_on": today}
    save_subscription(account=made, values=values, by=by)
    # The ARR of an account is what its ledger says: that of the subscription here, a first movement there.
    Account.objects.filter(pk=account.pk).update(arr=0)
    record_revenue_movement(account=account, kind="new", amount=Decimal(184_000), effective_on=today, by=by)
    add_external_id(account=made, source="crm", value="c2", by=by)
    log_touch(account=made, kind="call", text="Said hello", by=by)
    incoming = IncomingMessage(channel="email", sender="jo@haldenlog.example", text="Help", subject="Help")
    receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox)
    now = timezone.now()
    UsageEvent.objects.create(
        source="app", message_id="1", kind="track", account=made, occurred_at=now, received_at=now
    )
    for owner, days in ((account, (0, 1)), (made, (1, 2))):
        for day in days:
            UsageDaily.objects.create(
                account=owner, day=today - timedelta(days=day), events=3, users=1, recorded_at=now
            )
    return made


def everything() -> dict[str, list[Any]]:
    """All rows that a merge could touch, but what tells that there was one."""
    names = {part.model._meta.label for part in account_rows_parts()} | {"customers.Account"}
    return {name: list(apps.get_model(name).objects.order_by("pk").values()) for name in sorted(names)}


def test_merging_moves_everything_and_taking_back_restores_it(
    account: Account, twin: Account, csm: User, pump: Callable[[], int]
) -> None:
    pump()
    by, before = csm.as_viewer(), everything()
    arr = sum(one.arr for one in Account.objects.all())
    told = {
        str(row.label): (row.moves, row.stays) for row in preview_merge(source=twin, target=account, by=by)
    }
    assert told["People"] == (1, 0)
    assert told["Tickets"] == (1, 0)
    assert told["Companies below it"] == (1, 0)
    assert told["Changes of revenue"] == (1, 0)
    assert told["Product usage: days"] == (1, 1)
    assert everything() == before
    merge = merge_accounts(source=twin, target=account, by=by)
    account.refresh_from_db()
    assert account.arr == 184_500
    assert account.seats == 220
    assert sum(one.arr for one in Account.objects.all()) == arr
    assert set(Ticket.objects.values_list("account", "account__open_tickets")) == {(account.pk, 1)}
    assert account.children.get().name == "Branch"
    assert [row.day for row in UsageDaily.objects.filter(account=account).order_by("day")] == [
        timezone.now().date() - timedelta(days=day) for day in (2, 1, 0)
    ]
    assert DirtyUsageDay.objects.filter(account=account).exists()
    assert not Account.objects.visible_to(by).filter(pk=twin.pk).exists()
    sentences = [item.detail for item in account_timeline(by, account).items]
    assert "Said hello" in sentences
    unmerge_accounts(merge=merge, by=by)
    assert everything() == before
    verbs = Event.objects.filter(account_id=account.pk, verb__startswith="customers.accounts_")
    assert [one.verb for one in verbs.order_by("pk")] == [
        "customers.accounts_merged",
        "customers.accounts_unmerged",
    ]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5),
    parents=st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_any_merges_taken_back_from_the_last_one_change_nothing(
    csm: User, steps: list[tuple[int, int]], parents: list[int]
) -> None:
    by = csm.as_viewer()
    with transaction.atomic():
        made: list[Account] = []
        for number, parent in enumerate(parents):
            above = made[parent] if parent < number else None
            made.append(
                Account.objects.create(name=f"Company {number}", parent=above, arr=10**number, seats=number)
            )
            Contact.objects.create(account=made[-1], name=f"Person {number}")
        for number in range(4):
            HealthSnapshot.objects.create(
                account=made[number], as_of=timezone.now().date() - timedelta(days=number // 2), card_version="1",
                band="watch", coverage=1, confidence="high", inputs_hash="x", computed_at=timezone.now(),
            )  # fmt: skip
        before = everything()
        merges: list[AccountMerge] = []
        for source, target in steps:
            try:
                merges.append(merge_accounts(source=made[source], target=made[target], by=by))
            except ValidationError:
                continue
            assert sum(one.arr for one in Account.objects.all()) == 1111
        for merge in reversed(merges):
            unmerge_accounts(merge=merge, by=by)
        assert everything() == before
        transaction.set_rollback(True)


def test_what_came_since_stays_with_the_target(account: Account, twin: Account, csm: User) -> None:
    by = csm.as_viewer()
    merge = merge_accounts(source=twin, target=account, by=by)
    record_revenue_movement(
        account=account, kind="expansion", amount=Decimal(1000), effective_on=timezone.now().date(), by=by
    )
    late = identify_contact(identity=Identity.email("new@haldenlog.example"), by=by)
    assert late.account_id == account.pk
    unmerge_accounts(merge=merge, by=by)
    account.refresh_from_db()
    assert account.arr == 185_000
    late.refresh_from_db()
    assert late.account_id == account.pk


def test_refusals(account: Account, twin: Account, csm: User) -> None:
    by = csm.as_viewer()
    branch = twin.children.get()
    other = Account.objects.create(name="Dollar", currency="USD", arr=5)
    for source, target in ((twin, twin), (twin, branch), (twin, other)):
        with pytest.raises(ValidationError) as refused:
            merge_accounts(source=source, target=target, by=by)
        assert list(refused.value.message_dict) == ["target"]
    first = merge_accounts(source=branch, target=twin, by=by)
    second = merge_accounts(source=twin, target=account, by=by)
    with pytest.raises(ValidationError):
        merge_accounts(source=twin, target=account, by=by)
    with pytest.raises(ValidationError):
        unmerge_accounts(merge=first, by=by)
    AccountMerge.objects.filter(pk=second.pk).update(undo_until=timezone.now())
    with pytest.raises(ValidationError):
        unmerge_accounts(merge=second, by=by)


def test_pages_show_what_moves_and_take_it_back(
    account: Account, twin: Account, csm: User, login: Login
) -> None:
    browser, url = login(csm), f"/customers/{twin.pk}/merge/"
    assert "Show what will move" in browser.get(url).content.decode()
    assert browser.get(f"{url}?target=nobody").status_code == 422
    shown = browser.get(f"{url}?target=halden+logistics").content.decode()
    assert "takes over" in shown
    assert "€500" in shown
    assert browser.post(url, {"target": "halden logistics"}).status_code == 200
    assert not AccountMerge.objects.exists()
    merged = browser.post(url, {"target": f"x #{account.pk}", "confirmed": "1"})
    assert merged["Location"] == f"/customers/{account.pk}/"
    assert browser.get(f"/customers/{twin.pk}/")["Location"] == f"/customers/{account.pk}/"
    assert browser.get(f"/customers/{twin.pk}/edit/").status_code == 404
    assert "Halden Log." in browser.get(f"/customers/{account.pk}/details/").content.decode()
    undo = f"/customers/{account.pk}/merges/{AccountMerge.objects.get().pk}/undo/"
    assert browser.post(undo)["Location"] == f"/customers/{twin.pk}/"
    assert browser.get(f"/customers/{twin.pk}/").status_code == 200
    assert browser.post(undo).status_code == 302


def test_over_rest_and_by_the_id_of_the_merged_one(
    account: Account, twin: Account, api: Callable[..., APIClient]
) -> None:
    key, url = api("accounts:write"), f"/api/v1/accounts/{twin.pk}/merge/"
    told = {one["label"]: one["moves"] for one in key.get(f"{url}?into={account.pk}").json()}
    assert told["People"] == 1
    merged = key.post(url, {"into": account.pk})
    assert (merged.status_code, merged.json()["arr"]) == (200, "184500.00")
    assert key.get(f"/api/v1/accounts/{twin.pk}/").status_code == 404
    rows = {"items": [{"external_id": "h-2", "seats": 7}]}
    sent = key.post("/api/v1/accounts/bulk/", rows).json()
    assert (sent["updated"], sent["items"][0]["id"]) == (1, account.pk)
    account.refresh_from_db()
    assert account.seats == 7
    person = {"items": [{"external_id": "p", "name": "P", "account_external_id": "h-2"}]}
    key.post("/api/v1/contacts/bulk/", person)
    assert Contact.objects.get(external_id="p").account_id == account.pk
    back = key.delete(url)
    assert (back.status_code, back.json()["arr"]) == (200, "500.00")
    assert key.delete(url).status_code == 404
    assert api("accounts:read").post(url, {"into": account.pk}).status_code == 403


def test_only_who_may_edit_merges(
    account: Account, twin: Account, viewer: Viewer, agent: User, login: Login
) -> None:
    assert login(agent).get(f"/customers/{twin.pk}/merge/").status_code == 403
