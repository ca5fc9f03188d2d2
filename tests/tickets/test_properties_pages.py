"""The ticket's properties in the workplace: tags menu, snooze menu, details, checklist and worked time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.keyboard import combo_for
from people.models import User
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.custom_fields import values_of
from tickets.models import ChecklistItem, CustomField, Tag, Ticket, TicketType, TimeEntry
from tickets.services.change_tags import change_tags
from tickets.services.log_time import log_time
from tickets.services.receive_message import Received
from tickets.services.set_field_values import set_field_values
from tickets.services.snooze_ticket import snooze_ticket
from tickets.snooze_choices import snooze_choices
from tickets.worked_minutes import read_minutes, write_minutes

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(agent: User, login: Callable[[User], Client]) -> Client:
    """The agent."""
    return login(agent)


def text(response: Any) -> str:
    """The body."""
    return str(response.content.decode())


# --- tags -------------------------------------------------------------------------------------------------------------


def test_the_head_shows_tags_and_the_menu_changes_them(
    browser: Client, ticket: Ticket, viewer: Viewer
) -> None:
    change_tags(ticket=ticket, add=["refund"], by=viewer)
    Tag.objects.create(name="vip")
    Tag.objects.create(name="idle", is_active=False)
    head = text(browser.get(f"/inbox/{ticket.pk}/head/"))
    assert '<span class="tagx">refund</span>' in head
    assert 'data-hotkey="tags"' in head
    menu = text(browser.get(f"/inbox/{ticket.pk}/tags/", headers=HTMX))
    assert 'value="vip"' in menu
    assert "idle" not in menu
    answer = browser.post(f"/inbox/{ticket.pk}/tags/", {"add": "VIP"}, headers=HTMX)
    assert answer.status_code == 200
    assert 'id="head-tags" hx-swap-oob="true"' in text(answer)
    browser.post(f"/inbox/{ticket.pk}/tags/", {"remove": "refund"}, headers=HTMX)
    assert list(ticket.tags.values_list("name", flat=True)) == ["vip"]


def test_the_menu_of_tags_finds_and_offers_a_new_one(browser: Client, ticket: Ticket) -> None:
    for name in ("invoice", "late invoice", "refund"):
        Tag.objects.create(name=name)
    found = text(browser.get(f"/inbox/{ticket.pk}/tags/found/", {"add": "Invoice"}))
    assert "late invoice" in found
    assert "refund" not in found
    assert "Add “" not in found
    assert "Add “invo”" in text(browser.get(f"/inbox/{ticket.pk}/tags/found/", {"add": "INVO"}))


def test_a_tag_that_cannot_be_is_refused_with_what_was_typed(browser: Client, ticket: Ticket) -> None:
    answer = browser.post(f"/inbox/{ticket.pk}/tags/", {"add": "a,b"}, headers=HTMX)
    assert answer.status_code == 422
    assert 'value="a,b"' in text(answer)
    assert "no comma" in text(answer)


# --- snooze -----------------------------------------------------------------------------------------------------------


def test_a_ticket_is_put_aside_and_taken_back(browser: Client, ticket: Ticket) -> None:
    menu = text(browser.get(f"/inbox/{ticket.pk}/snooze/menu/"))
    assert "Tomorrow morning" in menu
    assert "Take it back" not in menu
    until = timezone.now() + timedelta(days=3)
    answer = browser.post(f"/inbox/{ticket.pk}/snooze/", {"until": until.isoformat()}, headers=HTMX)
    assert "alarm-snooze" in text(answer)
    assert f"/inbox/{ticket.pk}/wake/" in answer["HX-Trigger"]
    ticket.refresh_from_db()
    assert ticket.snoozed_until == until
    assert f'data-id="{ticket.pk}"' not in text(browser.get("/inbox/?view=unassigned"))
    assert f'data-id="{ticket.pk}"' in text(browser.get("/inbox/?view=snoozed"))
    assert "Take it back" in text(browser.get(f"/inbox/{ticket.pk}/snooze/menu/"))
    browser.post(f"/inbox/{ticket.pk}/wake/", headers=HTMX)
    ticket.refresh_from_db()
    assert ticket.snoozed_until is None
    assert f'data-id="{ticket.pk}"' in text(browser.get("/inbox/?view=unassigned"))


def test_a_time_without_zone_is_the_persons_own(browser: Client, ticket: Ticket, agent: User) -> None:
    agent.timezone = "Asia/Tokyo"
    agent.save()
    day = (timezone.now() + timedelta(days=2)).date().isoformat()
    browser.post(f"/inbox/{ticket.pk}/snooze/", {"until": f"{day}T09:00"}, headers=HTMX)
    ticket.refresh_from_db()
    assert ticket.snoozed_until is not None
    assert ticket.snoozed_until.astimezone(UTC).isoformat() == f"{day}T00:00:00+00:00"


@pytest.mark.parametrize("until", ["", "soon", "2001-01-01T09:00", "9999-12-31T23:59"])
def test_a_useless_time_is_refused(browser: Client, ticket: Ticket, until: str) -> None:
    answer = browser.post(f"/inbox/{ticket.pk}/snooze/", {"until": until}, headers=HTMX)
    assert answer.status_code == 422
    ticket.refresh_from_db()
    assert ticket.snoozed_until is None


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_every_choice_is_ahead_and_mornings_are_at_nine(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    choices = snooze_choices(now)
    assert [one.until for one in choices] == sorted(one.until for one in choices)
    for one in choices:
        assert one.until > now
        if one.key in {"tomorrow", "3-days", "next-week"}:
            assert (one.until.hour, one.until.minute) == (9, 0)
        if one.key == "next-week":
            assert one.until.weekday() == 0
        if one.key == "later":
            assert one.until.date() == now.date()


# --- details ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def area(db: None) -> CustomField:
    """A choice that is required to resolve."""
    return CustomField.objects.create(
        key="area", label="Area", kind="choice", options=["Billing", "Login"], required_on_resolve=True
    )


def set_detail(browser: Client, ticket: Ticket, field: str, **data: Any) -> Any:
    """Post one property."""
    return browser.post(f"/inbox/{ticket.pk}/details/", {"field": field, **data}, headers=HTMX)


def test_the_panel_changes_type_language_and_fields(
    browser: Client, ticket: Ticket, area: CustomField
) -> None:
    incident = TicketType.objects.create(name="Incident", checklist=["Find the cause"])
    panel = text(browser.get(f"/inbox/{ticket.pk}/panels/details/"))
    assert "Required to resolve" in panel
    assert "Incident" in panel
    set_detail(browser, ticket, "type", value=incident.pk)
    set_detail(browser, ticket, "language", value="de")
    shown = text(set_detail(browser, ticket, "field:area", value="Login"))
    assert "<option selected>Login</option>" in shown
    ticket.refresh_from_db()
    assert (ticket.type, ticket.language, values_of(ticket)) == (incident, "de", {"area": "Login"})
    assert "Find the cause" in text(browser.get(f"/inbox/{ticket.pk}/panels/work/"))
    thread = text(browser.get(f"/inbox/{ticket.pk}/thread/"))
    assert "Area: Login" in thread
    assert "to Incident" in thread


def test_what_cannot_be_held_comes_back_with_a_sentence(browser: Client, ticket: Ticket) -> None:
    CustomField.objects.create(key="seats", label="Seats", kind="number")
    answer = set_detail(browser, ticket, "field:seats", value="many")
    assert answer.status_code == 422
    assert 'value="many"' in text(answer)
    assert "Give a number" in text(answer)
    assert "data-live-refresh" not in text(answer)


def test_several_choices_keep_their_menu_open(browser: Client, ticket: Ticket) -> None:
    CustomField.objects.create(key="parts", label="Parts", kind="multi", options=["A", "B", "C"])
    answer = text(set_detail(browser, ticket, "field:parts", value=["C", "A"], keep="open"))
    assert values_of(ticket) == {"parts": ["A", "C"]}
    assert '<details class="menu det-menu" open>' in answer
    set_detail(browser, ticket, "field:parts", keep="open")
    assert values_of(ticket) == {}


def test_a_reference_is_found_by_name_or_number(
    browser: Client, ticket: Ticket, write: Callable[..., Received], private_team: Any
) -> None:
    CustomField.objects.create(key="cause", label="Cause", kind="reference", reference="ticket")
    other = write("Outage", subject="The big outage").ticket
    secret = write("Law", subject="A secret outage").ticket
    Ticket.objects.filter(pk=secret.pk).update(team=private_team)
    address = f"/inbox/{ticket.pk}/details/cause/choices/"
    found = text(browser.get(address, {"q": "outage"}))
    assert "The big outage" in found
    assert "secret" not in found
    assert "The big outage" in text(browser.get(address, {"q": f"#{other.number}"}))
    assert "Nothing is called so" in text(browser.get(address, {"q": f"#{secret.number}"}))
    assert set_detail(browser, ticket, "field:cause", value=secret.pk).status_code == 422
    panel = text(set_detail(browser, ticket, "field:cause", value=other.pk))
    assert "The big outage" in panel
    assert f"/inbox/{other.pk}/" in panel


def test_who_may_only_look_reads_the_details(
    ticket: Ticket, area: CustomField, analyst: User, viewer: Viewer, login: Callable[[User], Client]
) -> None:
    set_field_values(ticket=ticket, values={"area": "Login"}, by=viewer)
    browser = login(analyst)
    panel = text(browser.get(f"/inbox/{ticket.pk}/panels/details/"))
    assert "Login" in panel
    assert "<form" not in panel
    assert "<form" not in text(browser.get(f"/inbox/{ticket.pk}/panels/work/"))
    assert set_detail(browser, ticket, "field:area", value="Billing").status_code == 403


def test_resolving_without_the_field_is_refused_on_every_path(
    browser: Client, ticket: Ticket, area: CustomField, viewer: Viewer
) -> None:
    answer = browser.post(f"/inbox/{ticket.pk}/status/", {"status": "resolved"}, headers=HTMX)
    assert answer.status_code == 422
    assert "Fill in Area first" in answer["HX-Trigger"]
    answer = browser.post(f"/inbox/{ticket.pk}/resolve-next/", headers=HTMX)
    assert answer.status_code == 422
    ticket.refresh_from_db()
    assert ticket.status_category == "new"
    set_field_values(ticket=ticket, values={"area": "Login"}, by=viewer)
    assert (
        browser.post(f"/inbox/{ticket.pk}/status/", {"status": "resolved"}, headers=HTMX).status_code == 200
    )


# --- checklist and time -----------------------------------------------------------------------------------------------


def steps_of(ticket: Ticket) -> list[tuple[str, bool]]:
    """The steps in order, with whether each is done."""
    return [(one.text, one.done_at is not None) for one in ChecklistItem.objects.filter(ticket=ticket)]


def test_steps_are_added_ticked_renamed_moved_and_deleted(
    browser: Client, ticket: Ticket, agent: User
) -> None:
    for name in ("Ask", "Fix", "Tell"):
        browser.post(f"/inbox/{ticket.pk}/steps/", {"text": f" {name} "}, headers=HTMX)
    ask, fix, tell = ChecklistItem.objects.filter(ticket=ticket)

    def act(item: ChecklistItem, act: str, **data: str) -> Any:
        return browser.post(f"/inbox/{ticket.pk}/steps/{item.pk}/", {"act": act, **data}, headers=HTMX)

    act(fix, "tick")
    act(tell, "up")
    act(ask, "rename", text="Ask again")
    assert steps_of(ticket) == [("Ask again", False), ("Tell", False), ("Fix", True)]
    fix.refresh_from_db()
    assert fix.done_by == agent
    act(fix, "untick")
    act(ask, "delete")
    act(tell, "up")
    assert steps_of(ticket) == [("Tell", False), ("Fix", False)]
    assert act(fix, "explode").status_code == 404
    refused = act(fix, "rename", text="  ")
    assert refused.status_code == 422
    assert "Say what is to be done" in text(refused)
    assert "0/2" in text(browser.get(f"/inbox/{ticket.pk}/panels/work/"))


def test_a_step_of_another_ticket_is_not_found(
    browser: Client, ticket: Ticket, write: Callable[..., Received]
) -> None:
    other = write("Other").ticket
    item = ChecklistItem.objects.create(ticket=other, text="Ask")
    answer = browser.post(f"/inbox/{ticket.pk}/steps/{item.pk}/", {"act": "delete"}, headers=HTMX)
    assert answer.status_code == 404
    assert ChecklistItem.objects.exists()


def test_time_is_logged_summed_corrected_and_taken_back(browser: Client, ticket: Ticket, agent: User) -> None:
    address = f"/inbox/{ticket.pk}/time/"
    browser.post(address, {"minutes": "1h 15m", "note": "Read the logs"}, headers=HTMX)
    panel = text(browser.post(address, {"minutes": "20"}, headers=HTMX))
    assert "1h 35m" in panel
    entry = TimeEntry.objects.get(minutes=75)
    assert entry.user == agent
    assert "Save" in text(browser.get(address, {"edit": entry.pk}))
    browser.post(
        f"{address}{entry.pk}/", {"minutes": "1:30", "note": "Logs", "worked_on": "2026-03-02"}, headers=HTMX
    )
    entry.refresh_from_db()
    assert (entry.minutes, entry.note, entry.worked_on.isoformat()) == (90, "Logs", "2026-03-02")
    refused = browser.post(address, {"minutes": "25h", "note": "too long"}, headers=HTMX)
    assert refused.status_code == 422
    assert 'value="too long"' in text(refused)
    browser.post(f"{address}{entry.pk}/", {"act": "delete"}, headers=HTMX)
    assert TimeEntry.objects.get().minutes == 20


def test_the_time_of_others_stays_theirs(browser: Client, ticket: Ticket) -> None:
    colleague = make_user("agent", "Tom Beck")
    entry = log_time(ticket=ticket, minutes=30, by=colleague.as_viewer())
    panel = text(browser.get(f"/inbox/{ticket.pk}/panels/work/"))
    assert "Tom Beck" in panel
    assert "Correct 30m" not in panel
    answer = browser.post(f"/inbox/{ticket.pk}/time/{entry.pk}/", {"act": "delete"}, headers=HTMX)
    assert answer.status_code == 422
    assert TimeEntry.objects.exists()


@given(minutes=st.integers(1, 24 * 60))
def test_minutes_are_read_as_they_are_written(minutes: int) -> None:
    assert read_minutes(write_minutes(minutes)) == minutes
    assert read_minutes(f" {minutes} ") == minutes
    hours, rest = divmod(minutes, 60)
    assert read_minutes(f"{hours}:{rest:02}") == minutes


def test_snoozed_tickets_in_danger_still_show_where_promises_do(
    browser: Client, ticket: Ticket, viewer: Viewer
) -> None:
    snooze_ticket(ticket=ticket, until=timezone.now() + timedelta(days=1), by=viewer)
    Ticket.objects.filter(pk=ticket.pk).update(next_due_at=timezone.now() + timedelta(minutes=5))
    assert f'data-id="{ticket.pk}"' in text(browser.get("/inbox/?view=breaching"))


def test_the_keys_are_in_the_table() -> None:
    assert (combo_for("tags"), combo_for("snooze")) == ("L", "Z")
