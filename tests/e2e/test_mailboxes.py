"""Connecting a mailbox, as administrators do it in a browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from people.models import User
from tests.e2e.looks import assert_looks_right
from tests.tickets.email.dovecot import PASSWORD, Dovecot, needs_dovecot
from tickets.models import Inbox, Mailbox

Enter = Callable[[User, str], Page]


@needs_dovecot
def test_a_mailbox_is_tried_before_it_is_saved(
    enter: Enter, admin: User, inbox: Inbox, settings: Any
) -> None:
    settings.GUARDED_MAIL_ALLOW = ["127.0.0.1"]
    with Dovecot() as server:
        page = enter(admin, f"/settings/inboxes/{inbox.pk}/")
        page.get_by_role("link", name="Connect a mailbox").click()
        page.get_by_label("Server").fill("127.0.0.1")
        page.get_by_label("Port", exact=True).fill(str(server.port))
        page.get_by_label("Encryption").select_option("none")
        page.get_by_label("User name").fill("support")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#mailbox-trial")).to_contain_text("refuses the user name or the password")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#mailbox-trial")).to_contain_text("The connection works")
        # What was typed is still there, and the Enter key saves.
        page.get_by_label("Password").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("support @ 127.0.0.1")
        expect(page.get_by_text("Not looked at yet")).to_be_visible()


@pytest.mark.usefixtures("transactional_db")
def test_the_mailbox_pages_look_right(enter: Enter, admin: User, inbox: Inbox) -> None:
    now = timezone.now()
    box = Mailbox.objects.create(
        inbox=inbox, host="imap.a-rather-long-name-of-a-provider.example", username="support@desk.example",
        sealed_password="x", state="unreachable", error="The server does not answer at this port.", alarm="missing",
        last_mail_at=now - timedelta(hours=5), last_success_at=now - timedelta(hours=1), reconciled_at=now,
        server_count=1200, missing_count=40, missing=list(range(100_000, 100_040)),
    )  # fmt: skip
    for path in (
        f"/settings/inboxes/{inbox.pk}/",
        f"/settings/inboxes/{inbox.pk}/mailboxes/new/",
        f"/settings/mailboxes/{box.pk}/",
    ):
        assert_looks_right(enter(admin, path), path)
