"""Imports in a real browser: a table from the upload to the undo by keyboard and mouse; every page on a desk and a phone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Page, expect

from core.job_runner import run_jobs
from customers.models import Account
from imports.models import Import
from imports.services.make_archive import request_archive
from imports.services.run_import import check_import, start_import
from imports.services.undo_import import undo_import
from imports.services.upload_import import upload_import
from people.models import User
from tests.e2e.looks import assert_looks_right
from tests.imports.conftest import DUMPS, zipped
from tickets.models import Inbox

Enter = Callable[[User, str], Page]


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder, f"{name}.png")), full_page=True)


def work() -> None:
    while run_jobs("batch"):
        pass


TABLE = """Company,Website,Plan,ARR
Northwind Traders,northwind.example,Enterprise,120000
Lakeside Clinic,lakeside.example,Gold,9000
"""


def test_a_table_from_the_upload_to_the_undo(enter: Enter, admin: User, inbox: Inbox, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(TABLE)
    page = enter(admin, "/settings/imports/")
    page.get_by_role("link", name="New import").click()
    page.get_by_role("link", name="CSV table").click()
    page.get_by_label("Files").set_input_files(file)
    page.get_by_label("Each line is").select_option("account")
    page.get_by_role("button", name="Upload and read").press("Enter")
    expect(page.get_by_text("Being read")).to_be_visible()
    work()
    # The page reads itself again.
    expect(page.get_by_label("Company becomes")).to_have_value("name")
    expect(page.get_by_label("Plan becomes")).to_have_value("tier")
    shot(page, "import-mapping")
    page.get_by_role("button", name="Check without writing").press("Enter")
    expect(page.get_by_text("Being checked")).to_be_visible()
    work()
    expect(page.get_by_text("Tier: “Gold” is not known.")).to_be_visible()
    page.get_by_label("Plan becomes").select_option("")
    page.get_by_role("button", name="Check without writing").press("Enter")
    expect(page.get_by_text("Being checked")).to_be_visible()
    work()
    expect(page.get_by_text("is not known")).to_have_count(0)
    shot(page, "import-checked")
    page.get_by_role("button", name="Run the import").press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    work()
    expect(page.get_by_text("Created 2")).to_be_visible()
    assert Account.objects.filter(domain="northwind.example").exists()
    shot(page, "import-done")
    page.get_by_role("button", name="Undo the import").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("Being undone")).to_be_visible()
    work()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    assert not Account.objects.filter(domain="northwind.example").exists()


def test_imports_look_right(enter: Enter, admin: User, agent: User, inbox: Inbox) -> None:
    viewer = admin.as_viewer()

    def upload(name: str, content: bytes, source: str = "zendesk", **more: Any) -> Import:
        return upload_import(
            source=source, uploads=[SimpleUploadedFile(name, content)], by=viewer, inbox=inbox, **more
        )

    ready = upload("dump-of-the-old-desk-with-a-long-name-2026-11-21.zip", zipped(DUMPS / "zendesk"))
    work()
    check_import(run=ready, by=viewer)
    work()
    done = upload("dump.zip", zipped(DUMPS / "zendesk"), system="acme")
    work()
    start_import(run=done, by=viewer)
    work()
    undone = upload("dump.zip", zipped(DUMPS / "freshdesk"), "freshdesk")
    work()
    start_import(run=undone, by=viewer)
    work()
    undo_import(run=undone, by=viewer)
    work()
    waiting = upload("table.csv", TABLE.encode(), "csv", table="account")
    request_archive(by=viewer)
    page = enter(admin, "/profile/")
    paths = [
        "/settings/imports/",
        "/settings/imports/new/",
        "/settings/imports/new/csv/",
        "/settings/archives/",
    ]
    paths += [f"/settings/imports/{run.pk}/" for run in (ready, done, undone, waiting)]
    for path in (*paths, f"/settings/imports/{done.pk}/refused/"):
        assert_looks_right(page, path)
        shot(page, path.strip("/").replace("/", "-"))
    work()
    assert_looks_right(page, "/settings/archives/")
    shot(page, "settings-archives-ready")
