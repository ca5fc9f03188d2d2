"""The malware scanner and the versions of SLA policies in a real browser, on a desk and a phone, light and dark."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from customers.models import Contact
from people.models import User
from people.viewer import system_viewer
from tests.e2e.looks import assert_looks_right
from tests.tickets.clamd_server import EICAR, SIGNATURE, ClamdServer
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Inbox, StoredFile
from tickets.services.receive_message import receive_message
from tickets.services.save_sla_policy import TargetSpec, save_sla_policy
from tickets.tasks import scan_files_task

Enter = Callable[[User, str], Page]


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder, f"{name}.png")), full_page=True)


@pytest.fixture
def scanned(site: str, settings: Any, contact: Contact, inbox: Inbox) -> int:
    """A ticket with a file that was blocked, one that is clean and one beyond the limit; the id of the ticket."""
    names = {
        "invoice-2026-final-version-signed-by-everybody.pdf": EICAR,
        "figures.csv": b"a,b",
        "film.mp4": b"x" * 9000,
    }
    files = [IncomingFile(name, content, "application/pdf") for name, content in names.items()]
    incoming = IncomingMessage(
        channel="email", sender=contact.email, subject="Invoices", text="Please look.", files=files
    )
    ticket = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox).ticket
    with ClamdServer(limit=5000) as server:
        settings.CLAMD_URL = server.url
        scan_files_task()
    return ticket.pk


def test_what_is_held_looks_right_and_is_no_link(enter: Enter, agent: User, scanned: int) -> None:
    page = enter(agent, f"/inbox/{scanned}/?view=unassigned")
    held = page.locator(".att.is-held")
    expect(held).to_have_count(2)
    expect(held.first).to_contain_text(f"blocked: {SIGNATURE}")
    expect(page.locator("a.att")).to_have_count(1)
    expect(page.locator("#conversation")).to_contain_text("blocked an attachment")
    shot(page, "conversation")
    assert_looks_right(page, f"/inbox/{scanned}/?view=unassigned")
    shot(page, "conversation-phone-dark")


def test_the_page_of_the_scanner(enter: Enter, admin: User, scanned: int) -> None:
    page = enter(admin, "/settings/file-scans/")
    expect(page.locator("#file-scans")).to_contain_text("ClamAV 1.4.3")
    shot(page, "file-scans")
    assert_looks_right(page, "/settings/file-scans/")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/settings/file-scans/?state=failed")
    expect(page.locator("#file-scans")).to_contain_text("larger than the scanner takes")
    page.get_by_role("button", name="Try these again").press("Enter")
    expect(page.locator("body")).to_contain_text("Each keeps its verdict")
    # Nobody listens any more.
    StoredFile.objects.update(scan_after="2026-01-01T00:00:00Z")
    scan_files_task()
    page.goto("/settings/file-scans/?state=due")
    expect(page.locator("#file-scans")).to_contain_text("does not answer")
    shot(page, "file-scans-down")
    assert_looks_right(page, "/settings/file-scans/?state=due")
    assert_looks_right(page, "/settings/attachments/")
    shot(page, "attachments")


def test_versions_and_target_of_promises(enter: Enter, admin: User) -> None:
    by = admin.as_viewer()
    values: dict[str, Any] = {"name": "Standard", "position": 1, "condition": {}, "calendar": None, "by": by}
    policy = save_sla_policy(**values, targets={"normal": TargetSpec(3600, 7200, 28800)})
    save_sla_policy(
        **values, targets={"normal": TargetSpec(1800, None, 28800), "urgent": TargetSpec(600)}, policy=policy
    )
    page = enter(admin, f"/settings/sla/{policy.pk}/")
    expect(page.get_by_role("region", name="Versions")).to_contain_text("1h → 30m")
    page.get_by_role("region", name="Versions").scroll_into_view_if_needed()
    shot(page, "policy")
    assert_looks_right(page, f"/settings/sla/{policy.pk}/")
    shot(page, "policy-phone-dark")
    assert_looks_right(page, "/settings/sla/target/")
