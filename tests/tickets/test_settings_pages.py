"""Settings of inboxes, categories and SLA policies, the mail ledger's pages, tickets in the palette."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Calendar, Event
from people.models import Team, User
from tests.conftest import make_user
from tickets.channels.email.services.process_mail import process_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Category, Inbox, MailLedger, SLAPolicy, Ticket

MAIL = (
    b"From: Mette <mette@halden.example>\r\nTo: support@desk.example\r\n"
    b"Subject: %b\r\nMessage-ID: <%b@x.example>\r\n\r\nHi\r\n"
)


@pytest.fixture
def browser(admin: User, login: Any) -> Client:
    """The administrator's browser."""
    return login(admin)  # type: ignore[no-any-return]


def test_an_inbox_is_made_and_changed(browser: Client, team: Team) -> None:
    data = {
        "name": "Help",
        "address": "Help@Desk.Example",
        "from_name": "Desk",
        "signature": "Bye",
        "is_active": "on",
    }
    browser.post("/settings/inboxes/new/email/", {**data, "default_team": team.pk})
    inbox = Inbox.objects.get()
    assert (inbox.address, inbox.default_team, inbox.channel) == ("help@desk.example", team, "email")
    page = browser.get(f"/settings/inboxes/{inbox.pk}/").content.decode()
    assert "mail-drop/Help" in page
    browser.post(f"/settings/inboxes/{inbox.pk}/", {**data, "default_team": team.pk, "signature": "Cheers"})
    event = Event.objects.select_related("detail").filter(verb="tickets.inbox_saved").latest("pk")
    assert event.detail.data == {"signature": ["Bye", "Cheers"]}


def test_two_inboxes_cannot_send_from_one_address(browser: Client, inbox: Inbox) -> None:
    response = browser.post(
        "/settings/inboxes/new/email/",
        {"name": "Second", "address": inbox.address.upper(), "is_active": "on"},
    )
    assert response.status_code == 422
    assert "Another inbox uses this address." in response.content.decode()


def test_a_category_is_made_and_changed(browser: Client, team: Team) -> None:
    data = {"name": "Invoices", "description": "charged twice", "team": team.pk, "is_active": "on"}
    browser.post("/settings/categories/new/", data)
    category = Category.objects.get()
    assert (category.team, category.description) == (team, "charged twice")
    browser.post(f"/settings/categories/{category.pk}/", {**data, "is_active": ""})
    category.refresh_from_db()
    assert not category.is_active
    duplicate = browser.post("/settings/categories/new/", data)
    assert "name" in duplicate.context["form"].errors


POLICY = {
    "name": "Enterprise",
    "position": "1",
    "condition": '{"field": "account_tier", "is": "in", "value": ["enterprise"]}',
    "is_active": "on",
    "step-TOTAL_FORMS": "0",
    "step-INITIAL_FORMS": "0",
    "response_urgent": "0.5",
    "resolution_urgent": "4",
    "response_normal": "8",
    "resolution_normal": "40",
}


def test_an_sla_policy_is_written_in_hours_and_kept_in_seconds(browser: Client) -> None:
    calendar = Calendar.objects.create(name="Office", windows={"0": [["09:00", "17:00"]]})
    browser.post("/settings/sla/new/", {**POLICY, "calendar": calendar.pk})
    policy = SLAPolicy.objects.get()
    assert (policy.condition["value"], policy.calendar) == (["enterprise"], calendar)
    kept = {t.priority: (t.first_response_seconds, t.resolution_seconds) for t in policy.targets.all()}
    assert kept == {"urgent": (1800, 14400), "normal": (28800, 144000)}
    form = browser.get(f"/settings/sla/{policy.pk}/").context["form"]
    assert (form.initial["response_urgent"], form.initial["resolution_normal"]) == ("0.5", "40")
    browser.post(f"/settings/sla/{policy.pk}/", {**POLICY, "response_normal": "", "resolution_normal": ""})
    assert [target.priority for target in policy.targets.all()] == ["urgent"]
    browser.post(f"/settings/sla/{policy.pk}/delete/")
    assert not SLAPolicy.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"response_urgent": "-1"}, "response_urgent"),
        ({"resolution_urgent": "0.1"}, "resolution_urgent"),
        ({"condition": '{"field": "account_tier", "is": "in", "value": ["platinum"]}'}, "condition"),
        ({"condition": '{"field": "created_at", "is": "older_than", "value": 3600}'}, "condition"),
        ({"condition": '{"field": "breached", "is": "is", "value": true}'}, "condition"),
        ({"position": "x"}, "position"),
        (
            dict.fromkeys([name for name in POLICY if name.startswith(("response", "resolution"))], ""),
            "__all__",
        ),
    ],
)
def test_a_wrong_policy_is_refused_beside_its_field(
    browser: Client, changes: dict[str, Any], field: str
) -> None:
    response = browser.post("/settings/sla/new/", {**POLICY, **changes})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not SLAPolicy.objects.exists()


def put(inbox: Inbox, raw: bytes) -> MailLedger:
    """Store and process one mail."""
    ledger, _created = store_mail(raw=raw, inbox=inbox, source="test")
    return process_mail(ledger_id=ledger.pk)


def test_the_ledger_counts_mails_by_state_and_shows_the_raw_text_escaped(
    browser: Client, inbox: Inbox
) -> None:
    put(inbox, MAIL % (b"First", b"1"))
    broken = put(inbox, b"Subject: none\r\n\r\n<script>alert(1)</script>\r\n")
    assert broken.state == "quarantined"
    page = browser.get("/settings/mail/")
    assert {tab["label"]: tab["count"] for tab in page.context["tabs"] if tab["count"]} == {
        "All": 2,
        "New ticket": 1,
        "Quarantined": 1,
    }
    shown = browser.get(f"/settings/mail/{broken.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    raw = browser.get(f"/settings/mail/{broken.pk}/raw/")
    assert raw.content == b"Subject: none\r\n\r\n<script>alert(1)</script>\r\n"
    assert raw["Content-Type"] == "application/octet-stream"
    assert raw["Content-Disposition"].startswith("attachment")
    part = browser.get("/settings/mail/?state=quarantined", HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in part
    assert "First" not in part


def test_a_quarantined_mail_is_tried_again(
    browser: Client, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a bug of today")

    with monkeypatch.context() as patch:
        patch.setattr("tickets.channels.email.services.process_mail.classify_mail", fail)
        mail = put(inbox, MAIL % (b"Second", b"2"))
    assert mail.state == "quarantined"
    assert "a bug of today" in browser.get(f"/settings/mail/{mail.pk}/").content.decode()
    answer = browser.post(f"/settings/mail/{mail.pk}/retry/", follow=True)
    assert "The mail is now: New ticket." in answer.content.decode()
    mail.refresh_from_db()
    assert mail.ticket is not None


def test_the_ledger_is_for_operations(agent: User, inbox: Inbox, login: Any) -> None:
    mail = put(inbox, MAIL % (b"Third", b"3"))
    browser = login(agent)
    for path in ("", f"{mail.pk}/", f"{mail.pk}/raw/"):
        assert browser.get(f"/settings/mail/{path}").status_code == 403


def test_the_palette_finds_tickets_one_may_see(agent: User, inbox: Inbox, login: Any) -> None:
    put(inbox, MAIL % (b"Login loop after the update", b"4"))
    ticket = Ticket.objects.get()
    browser, url = login(agent), f"/inbox/{ticket.pk}/"
    for query in (str(ticket.number), f"#{ticket.number}", "loop login", ticket.reference):
        assert url in browser.get("/palette/", {"q": query}).content.decode(), query
    secret = Team.objects.create(name="Secret", is_private=True)
    Ticket.objects.filter(pk=ticket.pk).update(team=secret, updated_at=timezone.now())
    assert url not in browser.get("/palette/", {"q": "loop login"}).content.decode()
    assert url in login(make_user("lead", "Lena Vogt")).get("/palette/", {"q": "loop login"}).content.decode()
