"""Canned replies, macros, mentions and the bell in a real browser, with the keyboard alone."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.delivery import pump
from core.models import Notification
from customers.models import Contact
from people.models import User
from tests.e2e.looks import accessibility_problems, assert_looks_right
from tests.e2e.test_inbox import heard, mine
from tickets.models import Mention, Message
from tickets.services.add_note import add_note
from tickets.services.save_macro import save_macro

Enter = Callable[[User, str], Page]
GREETING = "Hi {{contact.first_name|there}},"


def test_slash_and_at_offer_what_is_not_typed(
    enter: Enter, agent: User, lead_user: User, contact: Contact
) -> None:
    by = agent.as_viewer()
    save_macro(name="Thank you", shortcut="thanks", reply=f"{GREETING} thank you.", by=by)
    save_macro(name="Refund", shortcut="refund", reply=f"{GREETING} {{{{nope}}}} is on its way.", by=by)
    ticket = mine(contact, agent, "Login loop")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    field = page.locator("#composer-body")
    page.keyboard.press("r")
    page.keyboard.type("/")
    options = page.locator("#composer-popup [role=option]")
    expect(options).to_have_count(2)
    assert accessibility_problems(page) == []
    page.keyboard.type("th")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(field).to_have_value("Hi Mette, thank you.")
    page.keyboard.type(" /refu")
    expect(options).to_have_count(1)
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    field.fill("")
    page.keyboard.type("/refund")
    expect(options).to_have_count(1)
    page.keyboard.press("Tab")
    expect(field).to_have_value("Hi Mette, {{nope}} is on its way.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Not filled in")
    assert not Message.objects.filter(kind="outbound").exists()
    field.fill("")
    page.get_by_role("tab", name="Note").click()
    page.keyboard.type("ask @le")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(field).to_have_value("ask @Lena Vogt ")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".msg.is-note .at")).to_have_text("@Lena Vogt")
    assert Mention.objects.get().user == lead_user


def test_m_applies_a_macro_after_a_look_at_it(enter: Enter, agent: User, contact: Contact) -> None:
    actions = [{"action": "priority", "priority": "high"}, {"action": "status", "status": "waiting"}]
    save_macro(
        name="Wait for them", kind="macro", reply=f"{GREETING} I wait.", actions=actions, by=agent.as_viewer()
    )
    save_macro(name="Thank you", reply="Thanks", by=agent.as_viewer())
    ticket = mine(contact, agent, "Login loop")
    page = enter(agent, f"/inbox/{ticket.pk}/")
    page.keyboard.press("m")
    entries = page.locator("#macro-entries button")
    expect(entries).to_have_count(2)
    page.keyboard.type("wait")
    expect(entries).to_have_count(1)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Wait for them")
    expect(dialog).to_be_visible()
    assert accessibility_problems(page) == []
    expect(dialog).to_contain_text("Set the priority to High")
    expect(dialog).to_contain_text("Hi Mette, I wait.")
    page.keyboard.press("Enter")
    expect(page.locator("#composer-body")).to_have_value("Hi Mette, I wait.")
    expect(dialog).to_have_count(0)
    expect(page.locator("#conversation-head")).to_contain_text("Waiting on customer")
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.status_id) == ("high", "waiting")


def test_the_bell_hears_of_a_mention_at_once(
    enter: Enter, agent: User, lead_user: User, contact: Contact
) -> None:
    ticket = mine(contact, agent, "Login loop")
    pump("events")
    Notification.objects.all().delete()
    page = enter(agent, "/profile/")
    heard(page)
    add_note(ticket=ticket, body="@Priya Raman look", by=lead_user.as_viewer())
    pump("events")
    pump("events")
    expect(page.get_by_label("Notifications, 1 unread")).to_be_visible()
    page.keyboard.press("b")
    page.get_by_role("button", name="Lena Vogt mentions you").press("Enter")
    expect(page).to_have_url(f"/inbox/{ticket.pk}/")


def test_the_pages_look_right(enter: Enter, lead_user: User, agent: User) -> None:
    actions = [{"action": "priority", "priority": "high"}, {"action": "add_tags", "tags": "refund"}]
    macro = save_macro(
        name="Wait", kind="macro", scope="everyone", reply=GREETING, actions=actions, by=lead_user.as_viewer()
    )
    for number in range(3):
        Notification.objects.create(
            user=lead_user, verb="x", event_id=number, text=f"Told you {number}", group="ticket:1"
        )
    page = enter(lead_user, "/settings/macros/")
    for path in (
        "/settings/macros/",
        f"/settings/macros/{macro.pk}/",
        "/profile/notifications/",
        "/notifications/",
    ):
        assert_looks_right(page, path)
