"""Outgoing mail servers and sign-ins, as administrators set them up in a browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from people.models import User
from tests.e2e.looks import assert_looks_right
from tests.tickets.email.smtp_server import smtp_server
from tickets.models import Inbox, MailAccount, OutgoingServer, ProviderApp, SendingPause

Enter = Callable[[User, str], Page]


@pytest.mark.usefixtures("transactional_db")
def test_an_outgoing_server_is_tried_before_it_is_saved(
    enter: Enter, admin: User, inbox: Inbox, settings: Any
) -> None:
    settings.GUARDED_MAIL_ALLOW = ["127.0.0.1"]
    with smtp_server(with_login=True) as server:
        server.users = {"desk": "right"}
        page = enter(admin, f"/settings/inboxes/{inbox.pk}/")
        page.get_by_role("link", name="Give it one of its own").click()
        page.get_by_label("Server", exact=True).fill("127.0.0.1")
        page.get_by_label("Port", exact=True).fill(str(server.port))
        page.get_by_label("Encryption").select_option("none")
        page.get_by_label("User name").fill("desk")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#mailbox-trial")).to_contain_text("refuses the user name or the password")
        page.get_by_label("Password").fill("right")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#mailbox-trial")).to_contain_text("Nothing was sent")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Not used yet")).to_be_visible()
        assert server.taken == []


@pytest.mark.usefixtures("transactional_db")
def test_the_pages_look_right(enter: Enter, admin: User, inbox: Inbox) -> None:
    now = timezone.now()
    app = ProviderApp.objects.create(
        name="Microsoft 365", provider="microsoft", client_id="0a1b", tenant="desk.example"
    )
    for name, state, error in (
        ("support@desk.example", "ok", ""),
        (
            "a.rather.long.address.of.a.shared.mailbox@subsidiary.desk.example",
            "expired",
            "The provider has ended the sign-in.",
        ),
    ):
        MailAccount.objects.create(
            app=app, address=name, state=state, error=error, sealed_refresh_token="x", expires_at=now
        )
    outgoing = OutgoingServer.objects.create(
        inbox=inbox, host="smtp.a-rather-long-name-of-a-provider.example", port=587, username="desk",
        sealed_password="x", state="unreachable", error="The server does not answer at this port.",
        last_sent_at=now - timedelta(hours=3),
    )  # fmt: skip
    for domain in ("", "slow.example"):
        SendingPause.objects.create(
            server=f"{outgoing.host}:{outgoing.port} {outgoing.username}", domain=domain, failures=4,
            until=now + timedelta(minutes=9), error="The server does not answer at this port.",
        )  # fmt: skip
    for path in (
        f"/settings/inboxes/{inbox.pk}/outgoing/",
        "/settings/mail-sign-in/",
        "/settings/mail-sign-in/new/",
        f"/settings/mail-sign-in/{app.pk}/",
    ):
        page = enter(admin, path)
        assert_looks_right(page, path)
    page.get_by_label("User name of the account").fill("billing@desk.example")
    page.get_by_role("button", name="Sign in to an account").click()
    expect(page.get_by_role("link", name="Continue with Microsoft 365")).to_be_visible()
