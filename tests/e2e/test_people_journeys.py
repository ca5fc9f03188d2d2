"""Signing in, the frame of every page, settings and operations, as people use them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from core.actors import SYSTEM
from core.events import JOB_ENDED
from core.models import Job, Notification, Outbound, Setting
from core.outbox import send_due
from people.models import Absence, ApiKey, Team, User
from tests.conftest import PASSWORD
from tests.e2e.looks import assert_looks_right
from tickets.models import Category, Inbox, SLAPolicy

Enter = Callable[[User, str], Page]


def test_signing_in_after_a_mistake_and_out_again(page: Page, agent: User) -> None:
    page.goto("/profile/")
    page.get_by_label("Work e-mail").fill(agent.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("Work e-mail")).to_have_value(agent.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/profile/")
    page.get_by_label(f"{agent.name}, user menu").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url("/login/")


def test_a_forgotten_password(page: Page, agent: User) -> None:
    page.goto("/login/")
    page.get_by_role("link", name="Forgot it?").click()
    page.get_by_label("Work e-mail").fill(agent.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    send_due()
    page.goto(next(line for line in str(mail.outbox[0].body).splitlines() if line.startswith("http")))
    page.get_by_label("New password").fill("four-calm-river-stones")
    page.get_by_role("button", name="Save password").click()
    expect(page.locator("#toasts")).to_contain_text("The password is set.")
    page.get_by_label("Work e-mail").fill(agent.email)
    page.get_by_label("Password").fill("four-calm-river-stones")
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"{agent.name}, user menu")).to_be_visible()


def test_one_click_into_the_demo(page: Page, transactional_db: None) -> None:
    User.objects.create_user("agent@demo.example", "cs-ops-demo", name="Demo Agent", role="agent")
    Setting.objects.create(key="demo", value=True)
    page.goto("/login/")
    page.get_by_role("button", name="Agent").click()
    expect(page.get_by_label("Demo Agent, user menu")).to_be_visible()


def test_the_first_run(page: Page, transactional_db: None) -> None:
    page.goto("/")
    page.get_by_label("Your name").fill("Aino Salo")
    page.get_by_label("Your work e-mail").fill("aino@desk.example")
    page.get_by_label("Password").fill("four-calm-river-stones")
    page.get_by_label("Its address").fill("help@desk.example")
    page.get_by_role("button", name="Open the desk").click()
    expect(page).to_have_url("/settings/people/")
    expect(page.locator("#toasts")).to_contain_text("CS Ops is ready.")
    assert Inbox.objects.get().address == "help@desk.example"


def test_the_palette_by_keys_alone(enter: Enter, admin: User) -> None:
    page = enter(admin, "/profile/")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search and commands")
    expect(palette.get_by_role("option").first).to_be_visible()
    page.keyboard.type("even")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type("event log")
    expect(palette.get_by_role("option").first).to_contain_text("Event log")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/settings/events/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page).to_have_url("/inbox/")


def test_notifications_are_read_from_the_menu(enter: Enter, agent: User) -> None:
    for number in range(2):
        Notification.objects.create(
            user=agent, verb="x", event_id=number, text=f"Told you {number}", url="/profile/"
        )
    page = enter(agent, "/search/")
    page.get_by_label("Notifications, 2 unread").click()
    page.get_by_role("button", name="Told you 1").click()
    expect(page).to_have_url("/profile/")
    page.get_by_label("Notifications, 1 unread").click()
    page.get_by_role("button", name="Mark all read").click()
    expect(page.get_by_role("button", name="Mark all read")).to_have_count(0)
    assert not Notification.objects.filter(read_at=None).exists()


def test_availability_and_theme_from_any_page(enter: Enter, agent: User) -> None:
    page = enter(agent, "/search/?q=x")
    page.locator(".presence").click()
    page.get_by_role("button", name="Away").click()
    expect(page.locator(".presence")).to_contain_text("Away")
    expect(page).to_have_url("/search/?q=x")
    page.goto("/profile/")
    page.get_by_role("main").get_by_role("radio", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_team_is_made_with_the_error_beside_its_field(enter: Enter, admin: User, team: Team) -> None:
    page = enter(admin, "/settings/teams/")
    page.get_by_role("link", name="New team").click()
    page.get_by_label("Name").fill(team.name)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("already exists")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name").fill("Product")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("Team saved.")
    expect(page.get_by_role("link", name="Product", exact=True)).to_be_visible()


def test_a_person_is_deactivated_after_being_asked(enter: Enter, admin: User, agent: User) -> None:
    page = enter(admin, f"/settings/people/{agent.pk}/")
    page.get_by_role("button", name="Deactivate").click()
    dialog = page.get_by_role("dialog", name="Deactivate")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Deactivate").click()
    dialog.get_by_role("button", name="Deactivate").click()
    expect(page.locator("#toasts")).to_contain_text("can no longer sign in")


def test_an_api_key_is_made_and_revoked(enter: Enter, admin: User) -> None:
    page = enter(admin, "/settings/api-keys/")
    page.get_by_role("link", name="Create a key").click()
    page.get_by_label("Name", exact=True).fill("CRM")
    page.get_by_label("Read customers and their health").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#secret")).to_contain_text("cso_")
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    assert ApiKey.objects.get().revoked_at is not None


def test_a_job_is_followed_without_reloading(enter: Enter, lead_user: User) -> None:
    job = Job.objects.create(
        kind="test.kind", key="k", state="running", done=1, total=4, started_at=timezone.now()
    )
    page = enter(lead_user, f"/settings/jobs/{job.pk}/")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(done=3)
    expect(page.get_by_text("3 of 4")).to_be_visible()
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(done=4, state="done", finished_at=timezone.now())
        JOB_ENDED.record(by=SYSTEM, subject_id=job.pk)
    expect(page.locator("#job .chip")).to_have_text("Done")


@pytest.fixture
def furnished(admin: User, agent: User, team: Team, inbox: Inbox) -> User:
    """An installation with something on every settings page; returns its administrator."""
    Category.objects.create(name="Invoices", description="charged twice", team=team)
    SLAPolicy.objects.create(name="Everybody")
    ApiKey.objects.create(
        name="CRM",
        hint="cso_abcd",
        digest="0" * 64,
        scopes=["accounts:read"],
        expires_at=timezone.now() + timedelta(days=3),
    )
    Job.objects.create(kind="test.kind", key="k", state="running", done=1, total=4, started_at=timezone.now())
    Outbound.objects.create(
        kind="account_mail",
        idempotency_key="x",
        state="failed",
        last_error="550 no such user",
        not_before=timezone.now(),
    )
    Notification.objects.create(user=admin, verb="x", event_id=1, text="Told you", url="/profile/")
    return admin


SETTINGS = {
    "access": "people/ people/new/ teams/ teams/new/ roles/ api-keys/ api-keys/new/ calendars/new/",
    "support": "inboxes/ inboxes/new/ inboxes/new/email/ categories/ sla/ sla/new/",
    "operations": "jobs/ outbox/ events/ events/dead-letters/ mail/",
}


@pytest.mark.parametrize("section", SETTINGS)
def test_settings_look_right(enter: Enter, furnished: User, section: str) -> None:
    page = enter(furnished, "/profile/")
    for path in SETTINGS[section].split():
        assert_looks_right(page, f"/settings/{path}")


def test_own_pages_look_right(enter: Enter, furnished: User) -> None:
    page = enter(furnished, "/profile/")
    for path in ("/profile/", "/notifications/", "/search/?q=desk", "/nothing/here/"):
        assert_looks_right(page, path)


def test_pages_before_the_login_look_right(page: Page, agent: User) -> None:
    for path in ("/login/", "/password/", "/password/reset/made-up/"):
        assert_looks_right(page, path)


def test_a_planned_absence_is_changed_with_the_keyboard(enter: Enter, agent: User) -> None:
    now = timezone.now()
    absence = Absence.objects.create(
        user=agent, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(days=3), note="Holiday"
    )
    page = enter(agent, "/absences/")
    page.get_by_role("link", name="Change the absence of").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/absences/{absence.pk}/")
    # What has begun keeps its start.
    assert page.get_by_label("From").count() == 0
    page.get_by_label("Note").fill("Back later")
    page.keyboard.press("Enter")
    page.wait_for_url("**/absences/")
    expect(page.get_by_text("Back later")).to_be_visible()
    assert_looks_right(page, "/absences/")
    assert_looks_right(page, f"/absences/{absence.pk}/")
