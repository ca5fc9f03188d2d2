"""Webhooks in a real browser: setting one up, trying it, reading its log, on a desk and a phone, light and dark."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.outbox import send_due
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.save_webhook import save_webhook
from integrations.services.switch_webhook import disable_webhook
from people.models import User
from tests.e2e.looks import assert_looks_right

Enter = Callable[[User, str], Page]


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder, f"{name}.png")), full_page=True)


@pytest.fixture
def endpoint(admin: User) -> WebhookEndpoint:
    """A webhook that nobody answers at, with one failed and one waiting delivery."""
    made = save_webhook(
        name="The data warehouse of the whole company, with a long name",
        url="https://hooks.example.com/in",
        patterns=["tickets.created", "tickets.status_changed", "tickets.escalated", "customers.*"],
        scopes=["tickets:read", "accounts:read"],
        by=admin.as_viewer(),
    )
    for number, state in enumerate(["failed", "delivered", "pending"]):
        WebhookDelivery.objects.create(
            endpoint=made,
            event_type="webhooks.test",
            message_id=f"test_{number}",
            state=state,
            error="the receiver answered 503" if state == "failed" else "",
            status_code=503 if state == "failed" else None,
            excerpt="Service unavailable, please come back later. " * 6,
            attempts=3,
        )
    return made


def test_webhooks_look_right(enter: Enter, admin: User, endpoint: WebhookEndpoint) -> None:
    page = enter(admin, "/profile/")
    base = f"/settings/webhooks/{endpoint.pk}/"
    for path in ("/settings/webhooks/", "/settings/webhooks/new/", base, f"{base}log/"):
        assert_looks_right(page, path)
        shot(page, path.strip("/").replace("/", "-"))
    for delivery in endpoint.deliveries.all():
        assert_looks_right(page, f"{base}log/{delivery.pk}/")
    shot(page, "delivery")
    disable_webhook(endpoint=endpoint, reason="The receiver answered that it is gone for good (410).")
    assert_looks_right(page, base)
    assert_looks_right(page, "/settings/webhooks/")


def test_one_is_set_up_and_tried_by_keyboard(enter: Enter, admin: User) -> None:
    page = enter(admin, "/settings/webhooks/new/")
    page.get_by_label("Name").focus()
    page.keyboard.type("Warehouse")
    page.keyboard.press("Tab")
    page.keyboard.type("https://hooks.example.com/in")
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="I have copied it").press("Enter")
    page.get_by_role("button", name="Send a test event").press("Enter")
    expect(page.locator("#delivery")).to_contain_text("Waiting")
    send_due()
    # The page reads itself again; names cannot be looked up in tests.
    expect(page.locator("#delivery")).to_contain_text("Failed")
    expect(page.locator("#delivery")).to_contain_text("the name cannot be resolved")
