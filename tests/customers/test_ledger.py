"""The revenue ledger: what it says as of any two times, corrections, subscriptions, rates; and that nobody can change it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from rest_framework.test import APIClient

from core.models import Event
from customers.ledger import revenue_as_of
from customers.models import Account, ExchangeRate, RevenueMovement, Subscription
from customers.money import rates_on
from customers.services.end_accounts import end_accounts
from customers.services.record_revenue import record_revenue_movement, restate_movement, void_movement
from customers.services.save_account import create_account, update_account
from customers.services.save_exchange_rates import save_exchange_rates
from customers.services.save_subscription import save_subscription
from customers.services.upsert_accounts import upsert_accounts
from people.models import User
from people.viewer import Viewer, system_viewer

SYSTEM = system_viewer("test")
START = date(2025, 1, 1)


def arr(account: Account, day: date, known_at: datetime | None = None) -> Decimal:
    """What the ledger says of an account."""
    found = revenue_as_of([account.pk], effective_on=day, known_at=known_at)
    return found[account.pk, ""].in_currency(account.currency) if found else Decimal(0)


@pytest.fixture
def fresh(db: None) -> Account:
    """A customer without revenue."""
    return create_account(values={"name": "Alder", "customer_since": START}, by=SYSTEM)


def move(account: Account, kind: str, amount: str, day: date, **more: Any) -> RevenueMovement:
    return record_revenue_movement(
        account=account, kind=kind, amount=Decimal(amount), effective_on=day, by=SYSTEM, **more
    )


class Replay(TestCase):
    """The sum of the movements is the ARR as of any pair of times."""

    MOVES = st.lists(
        st.tuples(
            st.integers(0, 400),
            st.decimals(Decimal("0.01"), Decimal(9_999_999), places=2),
            st.sampled_from(["gain", "loss", "void", "restate"]),
        ),
        max_size=9,
    )

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(MOVES, st.integers(0, 400), st.integers(0, 9))
    def test_as_of_any_two_times(self, moves: list[tuple[int, Decimal, str]], day: int, known: int) -> None:
        """A plain list of what was said when gives the same, to the cent, for every day and moment; the column is today's."""
        account = create_account(values={"name": "Alder", "customer_since": START}, by=SYSTEM)
        said: list[tuple[datetime, date, Decimal]] = []
        rows: list[RevenueMovement] = []
        for offset, amount, what in moves:
            on = START + timedelta(days=offset)
            standing = list(RevenueMovement.objects.standing().filter(account=account).order_by("pk"))
            try:
                with transaction.atomic():
                    if what in ("gain", "loss"):
                        kind, signed = ("expansion", amount) if what == "gain" else ("contraction", -amount)
                        row = move(account, kind, str(signed), on)
                        rows, news = [*rows, row], [(on, signed)]
                    elif standing and what == "void":
                        row, old = void_movement(movement=standing[0], by=SYSTEM), standing[0]
                        news = [(old.effective_on, -old.amount)]
                    elif standing:
                        old = standing[-1]
                        new = amount if old.amount > 0 else -amount
                        values = {"amount": new, "effective_on": on}
                        row = restate_movement(movement=old, values=values, by=SYSTEM)
                        news = [(old.effective_on, -old.amount), (on, new)]
                    else:
                        continue
            except ValidationError:
                continue  # below zero, or nothing different
            said += [(row.recorded_at, one, value) for one, value in news]
        moments = sorted({at for at, _, _ in said})
        until = moments[min(known, len(moments) - 1)] if moments else timezone.now()
        last = START + timedelta(days=day)
        wanted = sum((value for at, on, value in said if at <= until and on <= last), Decimal(0))
        assert arr(account, last, until) == wanted
        account.refresh_from_db()
        assert account.arr == sum((value for _, on, value in said if on <= timezone.now().date()), Decimal(0))
        products = revenue_as_of([account.pk], effective_on=date.max, by_product=True)
        assert sum((one.in_currency("EUR") for one in products.values()), Decimal(0)) == arr(
            account, date.max
        )


def test_a_correction_keeps_what_was_known(fresh: Account) -> None:
    """Before the correction the ledger said the wrong thing, and still says that it said so."""
    wrong = move(fresh, "new", "1000.10", date(2025, 2, 1))
    right = restate_movement(
        movement=wrong, values={"amount": Decimal("900.05"), "effective_on": date(2025, 3, 1)}, by=SYSTEM
    )
    day = date(2025, 2, 15)
    assert (arr(fresh, day, wrong.recorded_at), arr(fresh, day)) == (Decimal("1000.10"), 0)
    assert arr(fresh, date(2025, 3, 1)) == Decimal("900.05")
    assert RevenueMovement.objects.count() == 3
    for gone in (wrong, RevenueMovement.objects.get(void_of=wrong)):
        with pytest.raises(ValidationError):
            void_movement(movement=gone, by=SYSTEM)
    void_movement(movement=right, by=SYSTEM, reason_code="typing error")
    fresh.refresh_from_db()
    assert fresh.arr == 0
    assert not RevenueMovement.objects.standing().exists()
    assert Event.objects.filter(verb="customers.revenue_moved").count() == RevenueMovement.objects.count()


def test_a_churn_that_is_taken_back_ends_nobody(fresh: Account) -> None:
    """Neither at once nor by the task that ends accounts on their day."""
    today = timezone.now().date()
    move(fresh, "new", "500", START)
    churn = move(fresh, "churn", "-500", today - timedelta(days=3))
    fresh.refresh_from_db()
    assert (fresh.churned_on, fresh.lifecycle, fresh.arr) == (today - timedelta(days=3), "churned", 0)
    void_movement(movement=churn, by=SYSTEM)
    assert end_accounts(by=SYSTEM) == 0
    fresh.refresh_from_db()
    assert (fresh.churned_on, fresh.lifecycle, fresh.arr) == (None, "established", 500)


def test_what_is_announced_counts_from_its_day(fresh: Account) -> None:
    """The column moves when the change becomes effective."""
    today = timezone.now().date()
    move(fresh, "new", "500", START)
    move(fresh, "expansion", "100", today + timedelta(days=5))
    fresh.refresh_from_db()
    assert fresh.arr == 500
    end_accounts(by=SYSTEM, now=datetime.combine(today + timedelta(days=5), datetime.min.time(), UTC))
    fresh.refresh_from_db()
    assert fresh.arr == 600


def test_nobody_changes_the_ledger(fresh: Account) -> None:
    """Not the model, not a query, and not SQL; an account takes its ledger along."""
    row = move(fresh, "new", "500", START)
    row.amount = Decimal(1)
    for change in (
        row.save,
        row.delete,
        lambda: RevenueMovement.objects.update(amount=1),
        lambda: RevenueMovement.objects.all().delete(),
    ):
        with pytest.raises(TypeError):
            change()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE customers_revenuemovement SET amount = 1")
    assert arr(fresh, START) == 500
    fresh.delete()
    assert not RevenueMovement.objects.exists()


def test_what_is_refused(fresh: Account, viewer: Viewer) -> None:
    """Signs, an ARR below zero, a notice after the end, and who may not."""
    move(fresh, "new", "500", START)
    later = START + timedelta(days=9)
    for kind, amount, more, named in (
        ("churn", "500", {}, "amount"),
        ("expansion", "-1", {}, "amount"),
        ("contraction", "-500.01", {}, "amount"),
        ("contraction", "-500", {"effective_on": START - timedelta(days=1)}, "amount"),
        ("churn", "-500", {"notice_on": later + timedelta(days=1)}, "notice_on"),
        ("gift", "5", {}, "kind"),
    ):
        values = {"effective_on": later, **more}
        with pytest.raises(ValidationError) as error, transaction.atomic():
            record_revenue_movement(account=fresh, kind=kind, amount=Decimal(amount), by=SYSTEM, **values)
        assert named in error.value.message_dict, (kind, amount)
    with pytest.raises(PermissionDenied):
        record_revenue_movement(account=fresh, kind="new", amount=Decimal(1), effective_on=START, by=viewer)
    assert arr(fresh, date.max) == 500


def test_subscriptions_write_their_movements(fresh: Account) -> None:
    """First one, a second, a higher price, fewer seats, the end of one and of the other, and one end too early."""
    save = lambda **values: save_subscription(account=fresh, by=SYSTEM, **values)  # noqa: E731
    core = save(values={"product": "Core", "arr": Decimal(1000), "starts_on": START})
    more = save(values={"product": "Maps", "arr": Decimal("250.50"), "starts_on": date(2025, 2, 1)})
    save(subscription=core, values={"arr": Decimal(1100)}, effective_on=date(2025, 3, 1), is_uplift=True)
    save(subscription=core, values={"arr": Decimal(800)}, effective_on=date(2025, 4, 1))
    save(subscription=more, values={"ended_on": date(2025, 5, 1)})
    save(subscription=core, values={"ended_on": date(2025, 6, 1)})
    save(subscription=core, values={"ended_on": date(2025, 7, 1)})
    rows = RevenueMovement.objects.standing().order_by("effective_on", "pk")
    assert list(rows.values_list("kind", "product", "amount")) == [
        ("new", "Core", 1000), ("expansion", "Maps", Decimal("250.50")), ("price_uplift", "Core", 100),
        ("contraction", "Core", -300), ("contraction", "Maps", Decimal("-250.50")), ("churn", "Core", -800),
    ]  # fmt: skip
    assert arr(fresh, date(2025, 6, 15)) == 800
    fresh.refresh_from_db()
    assert (fresh.arr, fresh.churned_on) == (0, date(2025, 7, 1))
    save(values={"product": "Core", "arr": Decimal(700), "starts_on": date(2025, 9, 1)})
    fresh.refresh_from_db()
    assert (fresh.arr, fresh.churned_on, RevenueMovement.objects.last().kind) == (700, None, "reactivation")  # type: ignore[union-attr]
    save(values={"product": "Counted", "arr": Decimal(5), "starts_on": START}, moves_revenue=False)
    assert arr(fresh, date.max) == 700
    with pytest.raises(ValidationError) as error:
        save(values={"product": "X", "arr": Decimal(5), "starts_on": START, "currency": "USD"})
    assert "currency" in error.value.message_dict
    assert Subscription.objects.count() == 4


def test_an_arr_set_on_the_account_goes_through_the_ledger(db: None) -> None:
    """Created, changed, sent by another system, in another currency: the ledger explains the column."""
    made = create_account(values={"name": "A", "arr": Decimal(100), "customer_since": START}, by=SYSTEM)
    update_account(account=made, values={"arr": Decimal("150.25")}, by=SYSTEM)
    update_account(account=made, values={"currency": "USD"}, by=SYSTEM)
    row = {"external_id": "x", "name": "B", "arr": Decimal(80)}
    upsert_accounts(rows=[row], by=SYSTEM)
    upsert_accounts(rows=[{**row, "arr": Decimal(60)}, {"external_id": "y", "name": "C"}], by=SYSTEM)
    rows = RevenueMovement.objects.order_by("account", "pk").values_list("kind", "amount", "currency")
    assert list(rows) == [
        ("new", 100, "EUR"), ("expansion", Decimal("50.25"), "EUR"), ("fx", Decimal("-150.25"), "EUR"),
        ("fx", Decimal("150.25"), "USD"), ("new", 80, "EUR"), ("contraction", -20, "EUR"),
    ]  # fmt: skip
    for account in Account.objects.all():
        assert arr(account, timezone.now().date()) == account.arr


def test_rates_and_booked_amounts(fresh: Account, csm: User) -> None:
    """A row keeps the rate of its day; sums of any day use one set of rates; a later rate for a day holds from then on."""
    update_account(account=fresh, values={"currency": "USD"}, by=SYSTEM)
    bare = move(Account.objects.get(), "new", "10", START)
    assert (bare.amount_base, bare.rate) == (None, None)
    said = [{"day": date(2025, 1, 31), "currency": "usd", "rate": Decimal("0.9")},
            {"day": date(2025, 3, 31), "currency": "USD", "rate": Decimal("0.92512345")}]  # fmt: skip
    save_exchange_rates(rates=said, by=csm.as_viewer())
    assert len(save_exchange_rates(rates=said, by=csm.as_viewer())) == ExchangeRate.objects.count() == 2
    row = move(Account.objects.get(), "expansion", "1000.01", date(2025, 4, 2))
    assert (row.amount_base, row.base_currency) == (Decimal("925.13"), "EUR")
    known = timezone.now()
    save_exchange_rates(rates=[{**said[1], "rate": Decimal(1)}], by=csm.as_viewer())
    assert rates_on(date(2025, 4, 2)).rates == {"USD": 1}
    assert rates_on(date(2025, 4, 2), known).rates == {"USD": Decimal("0.92512345")}
    assert rates_on(START).rates == {"USD": Decimal("0.9")}
    assert rates_on(START).in_base(Decimal(1), "CHF") is None
    found = revenue_as_of(None, effective_on=date(2025, 5, 1))
    assert [one.in_base(rates_on(date(2025, 2, 1))) for one in found.values()] == [Decimal("909.01")]
    for bad in ({"currency": "EUR"}, {"currency": "D1"}, {"rate": Decimal(0)}, {"day": date(2999, 1, 1)}):
        with pytest.raises(ValidationError) as error:
            save_exchange_rates(rates=[{**said[0], **bad}], by=csm.as_viewer())
        assert list(error.value.message_dict) == list(bad)


def test_over_rest(api: Callable[..., APIClient], fresh: Account) -> None:
    """Record, put right, take back, end a subscription, say rates."""
    writer, url = api("accounts:read", "accounts:write"), f"/api/v1/accounts/{fresh.pk}/"
    made = writer.post(url + "revenue/", {"kind": "new", "amount": "100.00", "effective_on": "2025-02-01"})
    right = writer.post(
        f"{url}revenue/{made.json()['id']}/restate/", {"amount": "90.00", "correction": "seats"}
    )
    assert (right.status_code, right.json()["amount"], right.json()["is_void"]) == (201, "90.00", False)
    assert writer.post(f"{url}revenue/{made.json()['id']}/void/", {}).status_code == 400
    gone = writer.post(f"{url}revenue/{right.json()['id']}/void/", {})
    assert (gone.json()["amount"], gone.json()["void_of"]) == ("-90.00", right.json()["id"])
    rows = writer.get(url + "revenue/").json()
    assert [row["is_void"] for row in rows] == [True, False, True, False]
    body = {"product": "Core", "arr": "10.00", "starts_on": "2025-03-01"}
    sold = writer.post(url + "subscriptions/", body).json()
    ended = writer.patch(f"{url}subscriptions/{sold['id']}/", {"ended_on": "2025-08-01"})
    assert (ended.status_code, ended.json()["ended_on"]) == (200, "2025-08-01")
    assert writer.get(url).json()["churned_on"] == "2025-08-01"
    rate = {"items": [{"day": "2025-01-31", "currency": "USD", "rate": "0.9"}]}
    assert writer.post("/api/v1/exchange-rates/", rate).status_code == 201
    assert writer.get("/api/v1/exchange-rates/?currency=USD").json()["results"][0]["rate"] == "0.90000000"
    assert api("accounts:read").post("/api/v1/exchange-rates/", rate).status_code == 403


def test_on_pages(login: Callable[..., Any], csm: User, admin: User, fresh: Account) -> None:
    """The tab shows what was taken back; forms put right, take back, change and end; settings take rates."""
    browser, url = login(csm), f"/customers/{fresh.pk}/"
    row = move(fresh, "new", "1000", date(2025, 2, 1))
    form = browser.get(f"{url}revenue/{row.pk}/")
    assert 'value="1000.00"' in form.content.decode()
    right = {"kind": "new", "amount": "1200", "effective_on": "2025-02-01"}
    assert browser.post(f"{url}revenue/{row.pk}/", right).status_code == 302
    assert browser.post(f"{url}revenue/{row.pk}/void/").status_code == 422
    body = browser.get(f"{url}subscription/").content.decode()
    assert body.count("taken back") == 1
    assert "+€1,200" in body
    values = {"product": "Core", "seats": "0", "arr": "300", "starts_on": "2025-02-01", "moves_revenue": "on"}
    assert browser.post(f"{url}subscriptions/new/", values).status_code == 302
    sold = Subscription.objects.get()
    changed = {**values, "arr": "330", "is_uplift": "on", "effective_on": "2025-04-01"}
    assert browser.post(f"{url}subscriptions/{sold.pk}/", changed).status_code == 302
    assert browser.post(f"{url}subscriptions/{sold.pk}/end/", {"ended_on": "2025-05-01"}).status_code == 302
    assert arr(fresh, date(2025, 4, 15)) == 1530
    assert arr(fresh, date(2025, 5, 1)) == 1200
    assert browser.get("/settings/exchange-rates/").status_code == 403
    settings_page = login(admin)
    rate = {"day": "2025-01-31", "currency": "USD", "rate": "0.91"}
    assert settings_page.post("/settings/exchange-rates/", rate).status_code == 302
    assert settings_page.post("/settings/exchange-rates/", {**rate, "rate": "-1"}).status_code == 422
    assert "0.91" in settings_page.get("/settings/exchange-rates/").content.decode()
    assert settings_page.post("/settings/exchange-rates/base/", {"base": "usd"}).status_code == 302
    assert rates_on(START).base == "USD"
