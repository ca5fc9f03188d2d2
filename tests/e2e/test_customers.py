"""The portfolio and the account page, as CSMs use them."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from customers.models import Account, Contact, Subscription, UsageDaily
from customers.services.log_touch import log_touch
from health.services.score_accounts import score_accounts
from health.services.score_history import score_history
from people.models import User
from people.viewer import system_viewer
from tests.customers.test_pages import make_accounts
from tests.e2e.looks import assert_looks_right

Enter = Callable[[User, str], Page]


@pytest.fixture
def lived_in(account: Account, contact: Contact) -> Account:
    """An account with a quarter of usage, a subscription and scores."""
    now = timezone.now()
    for back in range(1, 120):
        day = now.date() - timedelta(days=back)
        for feature, users in (("", 90 - (120 - back) // 3), ("Route planner", 60), ("Reports", 12)):
            UsageDaily.objects.create(
                account=account,
                day=day,
                feature=feature,
                events=users * 9,
                users=users,
                recorded_at=now - timedelta(days=back - 1),
            )
    Subscription.objects.create(
        account=account,
        product="Planner",
        seats=210,
        arr=184000,
        starts_on=now.date(),
        renews_on=account.renewal_on,
    )
    by = system_viewer("test")
    score_history(by=by, account_ids=[account.pk], days=70)
    score_accounts(account_ids=[account.pk], by=by)
    account.refresh_from_db()
    return account


def test_from_the_portfolio_to_an_account_by_keys_alone(enter: Enter, lead_user: User) -> None:
    make_accounts(3)
    page = enter(lead_user, "/profile/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url("/customers/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/customers/\d+/$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Customer")


def test_the_portfolio_loads_more_and_sorts(enter: Enter, lead_user: User) -> None:
    make_accounts(60)
    page = enter(lead_user, "/customers/")
    rows = page.locator("#portfolio-rows tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Load more").click()
    expect(rows).to_have_count(60)
    expect(page.get_by_text("60 of 60")).to_be_visible()
    page.get_by_role("link", name="ARR", exact=True).click()
    expect(rows.first).to_contain_text("Customer 059")
    page.get_by_label("Name or domain").fill("Customer 007")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("search=Customer"))


def test_a_step_is_planned_in_a_dialog(enter: Enter, csm: User, lived_in: Account) -> None:
    page = enter(csm, f"/customers/{lived_in.pk}/")
    page.get_by_role("link", name="Plan", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Next step with Halden Logistics")
    dialog.get_by_label("Next step").fill("Call Mette about the depots")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("The next step is planned.")
    expect(page.locator("#panel-next-step")).to_contain_text("Call Mette about the depots")


def test_a_wrong_touch_is_told_in_its_dialog(enter: Enter, csm: User, lived_in: Account) -> None:
    page = enter(csm, f"/customers/{lived_in.pk}/")
    page.get_by_role("link", name="Log touch").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("When").fill("2099-01-01T10:00")
    dialog.get_by_role("button", name="Log touch").click()
    expect(dialog.get_by_text("This is in the future.")).to_be_visible()
    dialog.get_by_label("When").fill("")
    dialog.get_by_label("What was said").fill("Two new depots")
    dialog.get_by_role("button", name="Log touch").click()
    expect(page.locator("#panel-latest")).to_contain_text("Two new depots")


def test_what_colleagues_do_appears_by_itself(
    enter: Enter, csm: User, lead_user: User, lived_in: Account, pump: Callable[[], int], page: Page
) -> None:
    with page.expect_response(re.compile("/live/")):
        enter(csm, f"/customers/{lived_in.pk}/")
    expect(page.locator("#panel-latest")).not_to_contain_text("Spoke to the sponsor")
    with transaction.atomic():
        log_touch(account=lived_in, kind="call", text="Spoke to the sponsor", by=lead_user.as_viewer())
    pump()
    expect(page.locator("#panel-latest")).to_contain_text("Spoke to the sponsor")
    expect(page.locator("#panel-latest")).to_contain_text(lead_user.name)


def test_the_overview_tells_why(enter: Enter, csm: User, lived_in: Account) -> None:
    page = enter(csm, f"/customers/{lived_in.pk}/")
    expect(page.get_by_role("heading", name=re.compile(r"^Why \d+$"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Score over time"))).to_be_visible()
    expect(page.get_by_text("Route planner").first).to_be_visible()
    page.get_by_role("link", name="Tickets", exact=True).click()
    expect(page.get_by_text("No ticket of this customer is open.")).to_be_visible()


def test_customers_look_right(enter: Enter, lead_user: User, lived_in: Account, contact: Contact) -> None:
    make_accounts(4, lead_user)
    page = enter(lead_user, "/customers/")
    for path in (
        "/customers/?view=all",
        "/customers/?view=all&search=nothing",
        f"/customers/{lived_in.pk}/",
        *(
            f"/customers/{lived_in.pk}/{tab}/"
            for tab in ("tickets", "health", "usage", "people", "subscription", "timeline")
        ),
        f"/customers/{lived_in.pk}/edit/",
        f"/contacts/{contact.pk}/",
    ):
        assert_looks_right(page, path)
