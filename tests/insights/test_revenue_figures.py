"""Figures of revenue: the identities, late renewals, closed months that nothing changes, and the doors that show them."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from customers.models import Account, MonthClose
from customers.money import Rates
from customers.restatements import restated_months
from customers.revenue_figures import LedgerRows, month_end, read_ledger, year_before
from customers.revenue_metrics import LINES, Step, bridge, bridge_late_renewals, holding, retention
from customers.services.close_month import close_month
from customers.services.record_revenue import record_revenue_movement, restate_movement, void_movement
from customers.services.save_account import create_account
from people.models import User
from people.viewer import system_viewer

SYSTEM = system_viewer("test")
START = date(2025, 1, 1)
END = date(2025, 12, 31)
DAY = timedelta(days=1)
EUR = Rates("EUR", {"USD": Decimal("0.91234567"), "GBP": Decimal("1.1765")})


def steps_of(changes: list[tuple[int, Decimal]], opening: Decimal) -> list[Step]:
    """Changes as a ledger would have them: less is at most what is there, and the rest of it a churn."""
    balance, found, had = opening, [], opening > 0
    for offset, amount in sorted(changes, key=lambda one: one[0]):
        on = START + timedelta(days=offset)
        if amount < 0 and -amount >= balance:
            if balance > 0:
                found.append(Step("churn", on, -balance))
                balance = Decimal(0)
            continue
        kind = "contraction" if amount < 0 else "expansion" if balance else "reactivation" if had else "new"
        if amount:
            found.append(Step(kind, on, amount))
            balance, had = balance + amount, True
    return found


AMOUNTS = st.decimals(Decimal(-9_999), Decimal(9_999), places=2)
LIVES = st.lists(
    st.tuples(
        st.decimals(Decimal(0), Decimal(99_999), places=2),
        st.lists(st.tuples(st.integers(-40, 420), AMOUNTS), max_size=7),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(LIVES)
def test_identities(lives: list[tuple[Decimal, list[tuple[int, Decimal]]]]) -> None:
    """NRR = GRR + expansion, GRR = 1 - churn - contraction, start + lines = end: exactly, for any ledger."""
    held = []
    for opening, changes in lives:
        steps = steps_of(changes, opening)
        bridged = bridge_late_renewals(opening, steps)
        assert sum(one.amount for one in bridged) == sum(one.amount for one in steps)
        one = holding(opening, bridged, START, END)
        assert one.start + sum(one.lines.values()) == one.end
        assert one.capped + one.contraction + one.lost == one.start or one.start <= 0
        held.append(one)
    kept, whole = retention(held), bridge(held)
    assert whole.start + sum(whole.lines.values()) == whole.end == sum(one.end for one in held)
    if kept.start:
        grr, nrr = kept.grr, kept.nrr
        assert grr is not None
        assert nrr is not None
        assert nrr == grr + Fraction(kept.expansion) / Fraction(kept.start)
        assert grr == 1 - Fraction(kept.lost + kept.contraction) / Fraction(kept.start)
        assert 0 <= grr <= 1
        assert kept.uplift <= kept.expansion
        # A plain loop says the same.
        cohort = [one for one in held if one.start > 0]
        assert nrr == sum(Fraction(one.kept) for one in cohort) / sum(Fraction(one.start) for one in cohort)
        assert kept.logo_churn == Fraction(sum(one.kept == 0 for one in cohort), len(cohort))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 6), st.sampled_from(["EUR", "USD", "GBP"])),
        st.lists(st.tuples(st.sampled_from(LINES), st.integers(1, 360), AMOUNTS), max_size=5),
        max_size=8,
    )
)
def test_conversion_keeps_the_identities(
    ledger: dict[tuple[int, str], list[tuple[str, int, Decimal]]],
) -> None:
    """Whatever the rates, what accounts show sums to what the figure shows, to the cent."""
    opening = {((pk, ""), currency): Decimal(1000 + pk) / 3 for pk, currency in ledger}
    rows: dict[Any, list[Any]] = {}
    for (pk, currency), changes in ledger.items():
        for kind, offset, amount in changes:
            rows.setdefault((pk, ""), []).append((kind, currency, START + timedelta(days=offset), amount))
    for mine in rows.values():
        mine.sort(key=lambda one: one[2])
    book = LedgerRows(opening, rows, dict.fromkeys(range(1, 7), ("A", "growth", None, None))).book(EUR, END)
    figures, held = book.figures(START, END), book.holdings(START, END)
    assert figures.bridge.start + sum(figures.bridge.lines.values()) == figures.bridge.end
    assert sum((one.end for one in held.values()), Decimal(0)) == figures.bridge.end
    assert all(value == round(value, 2) for value in (figures.bridge.end, *figures.bridge.lines.values()))
    told = figures.told()
    if told["grr"] is not None:
        assert Decimal(told["nrr"]) == Decimal(told["grr"]) + Decimal(told["expansion_rate"])
    parts = book.groups("tier", START, END).values()
    assert sum(one.retention.start for one in parts) == figures.retention.start


def test_a_late_renewal_is_no_churn() -> None:
    """Back after 30 days at most: nothing was lost in between. Later: lost, and a new customer."""
    for gap, kept, lines in (
        (30, Decimal(1200), {"expansion": Decimal(200)}),
        (31, Decimal(0), {"churn": Decimal(-1000), "reactivation": Decimal(1200)}),
    ):
        gone = START + timedelta(days=100)
        steps = [Step("churn", gone, Decimal(-1000)), Step("reactivation", gone + gap * DAY, Decimal(1200))]
        bridged = bridge_late_renewals(Decimal(1000), steps)
        one = holding(Decimal(1000), bridged, START, END)
        assert (one.start, one.end, one.kept) == (1000, 1200, kept)
        assert {name: amount for name, amount in one.lines.items() if amount} == lines
        between = holding(Decimal(1000), bridged, START, gone + 5 * DAY)
        assert between.end == (1000 if gap == 30 else 0)


def test_days() -> None:
    """Ends of months and years."""
    assert month_end(date(2024, 2, 5)) == date(2024, 2, 29)
    assert year_before(date(2024, 2, 29)) == date(2023, 2, 28)
    assert year_before(date(2025, 2, 28)) == date(2024, 2, 29)
    assert year_before(date(2025, 7, 31)) == date(2024, 7, 31)
    assert year_before(date(2025, 7, 15)) == date(2024, 7, 15)


@pytest.fixture
def world(db: None, csm: User) -> dict[str, Account]:
    """Four customers of last year: one grows, one leaves, one shrinks, one is new; amounts by hand."""
    today = timezone.now().date()
    end = today.replace(day=1) - DAY
    start = year_before(end)
    said: dict[str, list[tuple[str, int, date]]] = {
        "Grows": [
            ("new", 1000, start - 100 * DAY),
            ("expansion", 150, start + 50 * DAY),
            ("price_uplift", 50, end),
        ],
        "Leaves": [("new", 600, start - 100 * DAY), ("churn", -600, end - 40 * DAY)],
        "Shrinks": [("new", 400, start - 100 * DAY), ("contraction", -100, start + 10 * DAY)],
        "New": [("new", 300, end - 20 * DAY)],
    }
    made = {}
    for name, moves in said.items():
        tier = "enterprise" if name == "Grows" else "starter"
        values = {"name": name, "tier": tier, "customer_since": moves[0][2], "csm_id": csm.pk}
        made[name] = create_account(values=values, by=SYSTEM)
        for kind, amount, on in moves:
            record_revenue_movement(
                account=made[name], kind=kind, amount=Decimal(amount), effective_on=on, by=SYSTEM
            )
    return made


def last_month() -> date:
    return timezone.now().date().replace(day=1) - DAY


def test_by_hand(world: dict[str, Account]) -> None:
    """2000 at the start: 600 left, 100 less, 200 more, 50 of it by price; 300 new."""
    end = last_month()
    ledger = read_ledger(Account.objects.all(), first=year_before(end), last=end)
    told = ledger.book(EUR, end).figures(year_before(end), end).told()
    wanted = {
        "grr": "0.650000", "nrr": "0.750000", "expansion_rate": "0.100000", "uplift_rate": "0.025000",
        "revenue_churn": "0.300000", "contraction_rate": "0.050000", "logo_churn": "0.333333", "quick_ratio": "0.714286",
        "arr_start": "2000.00", "arr_end": "1800.00", "bridge_new": "300.00", "bridge_churn": "-600.00",
        "bridge_expansion": "150.00", "bridge_price_uplift": "50.00", "bridge_contraction": "-100.00", "customers": 3,
    }  # fmt: skip
    assert {name: told[name] for name in wanted} == wanted


def test_a_closed_month_stays(world: dict[str, Account], lead_user: User, csm: User) -> None:
    """Whatever is recorded later, the frozen figure is the same; the log says what it would be now, and why."""
    end, by = last_month(), lead_user.as_viewer()
    with pytest.raises(PermissionDenied):
        close_month(month=end, by=csm.as_viewer())
    with pytest.raises(ValidationError):
        close_month(month=end + DAY, by=by)
    closed = close_month(month=end, by=by)
    with pytest.raises(ValidationError):
        close_month(month=end.replace(day=1), by=by)
    frozen = MonthClose.objects.values().get()
    assert closed.groups["enterprise"]["nrr"] == "1.200000"
    assert restated_months()[0].changed == {}
    record_revenue_movement(
        account=world["Grows"], kind="expansion", amount=Decimal(7), effective_on=end + DAY, by=SYSTEM
    )
    assert restated_months()[0].rows == []  # counts in the next month only
    late = record_revenue_movement(
        account=world["Shrinks"], kind="churn", amount=Decimal(-300), effective_on=end, by=SYSTEM
    )
    restated = restated_months()[0]
    assert restated.changed["grr"] == ("0.650000", "0.500000")
    assert restated.changed["arr_end"] == ("1800.00", "1500.00")
    assert [row.pk for row in restated.rows] == [late.pk]
    moved = restate_movement(movement=late, values={"effective_on": end + DAY}, by=SYSTEM)
    restated = restated_months()[0]
    assert restated.changed == {}
    assert (
        len(restated.rows) == 2
    )  # the movement and the row that took it back; the right one counts next month
    void_movement(movement=moved, by=SYSTEM)
    assert MonthClose.objects.values().get() == frozen


def test_page_rest_and_file_agree(
    world: dict[str, Account], login: Callable[..., Any], csm: User, api: Callable[..., APIClient]
) -> None:
    """Every number has one source; the accounts behind a number sum to it exactly."""
    reader, browser = api("accounts:read"), login(csm)
    end = last_month()
    answer = reader.get("/api/v1/success-metrics/?by=tier").json()
    assert (answer["figures"]["nrr"], answer["end_on"]) == ("0.750000", end.isoformat())
    assert [(one["group"], one["figures"]["arr_end"]) for one in answer["groups"]] == [
        ("enterprise", "1200.00"), ("starter", "600.00"),
    ]  # fmt: skip
    assert len(answer["series"]) == 12
    body = browser.get("/insights/revenue/").content.decode()
    for text in ("75.0", "65.0", "10.0", "€1,800", "€2,000"):
        assert text in body, text
    for line, wanted in (
        ("churned", "600.00"), ("expansion", "200.00"), ("contraction", "100.00"), ("bridge_new", "300.00"),
        ("arr_end", "1800.00"), ("kept", "1300.00"), ("cohort_start", "2000.00"), ("bridge_churn", "-600.00"),
    ):  # fmt: skip
        told = reader.get(f"/api/v1/success-metrics/accounts/?figure={line}").json()
        assert told["total"] == wanted, line
        assert sum(Decimal(row["amount"]) for row in told["results"]) == Decimal(wanted)
        assert answer["figures"][line] == wanted
        assert browser.get(f"/insights/revenue/accounts/?figure={line}").status_code == 200
    file = browser.get("/insights/revenue/export/csv/")
    lines = file.content.decode("utf-8-sig").splitlines()
    assert any(row.startswith(f"{end.isoformat()},,,nrr") and "0.750000" in row for row in lines)
    assert browser.get("/insights/revenue/export/xlsx/").content[:2] == b"PK"
    assert reader.get("/api/v1/success-metrics/?by=shoe").status_code == 400
    assert reader.get("/api/v1/success-metrics/?month=2026-13").status_code == 400
    assert reader.get("/api/v1/success-metrics/accounts/?figure=love").status_code == 400
    assert browser.get("/insights/revenue/?month=nonsense").status_code == 404
    assert browser.get(f"/insights/revenue/?csm={csm.pk}&by=csm").status_code == 200
    narrow = reader.get("/api/v1/success-metrics/?tier=enterprise").json()["figures"]
    assert narrow["nrr"] == "1.200000"


def test_months_on_the_page(
    world: dict[str, Account],
    login: Callable[..., Any],
    lead_user: User,
    csm: User,
    api: Callable[..., APIClient],
) -> None:
    """Who may closes a month there; others see the log only."""
    end = last_month()
    assert login(csm).post("/insights/revenue/months/", {"month": end.isoformat()}).status_code == 403
    browser = login(lead_user)
    assert browser.post("/insights/revenue/months/", {"month": end.isoformat()}).status_code == 302
    assert MonthClose.objects.get().closed_by == lead_user
    record_revenue_movement(
        account=world["Shrinks"], kind="contraction", amount=Decimal(-30), effective_on=end, by=SYSTEM
    )
    body = browser.get("/insights/revenue/months/").content.decode()
    assert "Shrinks" in body
    closed = api("accounts:read").get("/api/v1/success-metrics/months/").json()[0]
    assert closed["changed"]["arr_end"] == {"was": "1800.00", "is": "1770.00"}
    assert (
        api("accounts:read").post("/api/v1/success-metrics/months/", {"month": "2025-01-31"}).status_code
        == 403
    )
