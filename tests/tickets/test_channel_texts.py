"""Texts of ours on channels that know no form and few characters: what leaves, what macros show, which are offered."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from core.outbox import send_due
from core.registry import Registry
from customers.identities import Identity
from customers.models import Contact
from customers.services.merge_contacts import merge_contacts
from people.models import User
from people.viewer import Viewer
from tests.tickets.channels import Pigeon, moment
from tickets.channel import MessageArrival
from tickets.macro_lists import macros_for
from tickets.models import Inbox, Macro, Message, Ticket
from tickets.registry import channels
from tickets.reply_routes import reply_routes
from tickets.rich_text import as_plain, literal
from tickets.services.apply_macro import apply_macro, preview_macro
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox
from tickets.services.save_macro import save_macro
from tickets.services.take_payload import apply_arrivals


@pytest.fixture
def pigeon() -> Iterator[Pigeon]:
    """The channel, for this test only."""
    registry: Registry[Any] = channels
    with registry.temporarily(Pigeon) as part:
        yield part


@pytest.fixture
def flown(pigeon: Pigeon, admin: User, time_machine: Any) -> Ticket:
    """Rosa wrote by pigeon."""
    time_machine.move_to(moment(30), tick=True)
    loft: Inbox = save_inbox(
        name="Loft", channel="pigeon", default_team=None, settings={"loft": "East", "ring": "gold"},
        by=admin.as_viewer(),
    )  # fmt: skip
    arrival = MessageArrival(
        thread_key="p1", message_id="m1", sender=Identity("handle", "pigeon:p1"), text="Stuck", occurred_at=moment(0),
        sender_name="Rosa",
    )  # fmt: skip
    ticket = apply_arrivals(inbox=loft, arrivals=[arrival])
    assert ticket is not None
    return ticket


def test_marks_stay_at_home(flown: Ticket, viewer: Viewer, pigeon: Pigeon) -> None:
    text = "**Please** press `reset`, _then_ see [our help](https://help.example/a_b_c):\n- once\n- twice"
    reply_to_ticket(ticket=flown, body=text, by=viewer)
    send_due()
    (sent,) = pigeon.sent
    assert sent.text == "Please press reset, then see our help (https://help.example/a_b_c):\n- once\n- twice"
    assert Message.objects.get(kind="outbound").body_text == text


def test_a_macro_shows_the_text_as_its_channel_carries_it(flown: Ticket, viewer: Viewer) -> None:
    row = save_macro(name="Hello", reply="Hi **{{contact.first_name}}**", by=viewer)
    preview = preview_macro(ticket=flown, macro=row, by=viewer)
    assert preview.fit is not None
    assert (preview.fit.text, preview.fit.length, preview.fit.longest) == ("Hi Rosa", 7, 200)
    long = save_macro(name="Long", kind="macro", reply="x" * 201, sends=True, by=viewer)
    assert "at most 200" in preview_macro(ticket=flown, macro=long, by=viewer).refusal
    with pytest.raises(ValidationError, match="too long for Pigeon"):
        apply_macro(ticket=flown, macro=long, by=viewer)
    assert not Message.objects.filter(kind="outbound").exists()


def test_a_macro_may_be_for_some_channels_only(
    flown: Ticket, ticket: Ticket, contact: Contact, viewer: Viewer, lead_user: User
) -> None:
    rows = {key: save_macro(name=key, reply="Hi", channels=[key], by=viewer) for key in ("pigeon", "email")}
    save_macro(name="any", reply="Hi", by=viewer)

    def offered(on: Ticket, via: int | None = None) -> set[str]:
        return {one.macro.name for one in macros_for(viewer, on, via=via)}

    assert offered(flown) == {"pigeon", "any"}
    assert offered(ticket) == {"email", "any"}
    assert "not for answers by Pigeon" in preview_macro(ticket=flown, macro=rows["email"], by=viewer).refusal
    # The same person has a mail address, too: the composer's choice decides.
    merge_contacts(source=flown.contact, target=contact, by=lead_user.as_viewer())
    flown = Ticket.objects.get(pk=flown.pk)
    by_mail = next(one.name for one in reply_routes(flown) if one.by_mail)
    assert offered(flown, by_mail) == {"email", "any"}
    with pytest.raises(ValidationError, match="no channel"):
        save_macro(name="odd", reply="Hi", channels=["smoke"], by=viewer)


def test_the_doors_take_and_tell_channels(flown: Ticket, agent: User, login: Any, api: Any) -> None:
    browser = login(agent)
    body = {
        "kind": "canned",
        "name": "Hi",
        "reply": "Hi **you**",
        "position": "0",
        "is_active": "on",
        "channels": "pigeon",
    }
    assert browser.post("/settings/macros/new/", body).status_code == 302
    row = Macro.objects.get()
    assert row.channels == ["pigeon"]
    shown = browser.get(f"/inbox/{flown.pk}/macros/{row.pk}/").content.decode()
    assert "Hi you" in shown
    assert "6 / 200" in shown
    assert "Hi" in browser.get(f"/inbox/{flown.pk}/canned/?via=").content.decode()
    made = api("tickets:write").post(
        "/api/v1/macros/", {"name": "Two", "reply": "Hi", "channels": ["email"]}, format="json"
    )
    assert (made.status_code, made.json()["channels"]) == (201, ["email"])


@given(st.text("ab*_`[]()<>:/@ .-#\\~", max_size=60) | st.text(max_size=60))
def test_plain_says_what_literal_kept(value: str) -> None:
    line = " ".join(value.split())
    assert as_plain(literal(line)) == line


@given(st.text("ab*_`[]()<>:/@ \n-\\", max_size=120))
def test_any_text_becomes_plain(text: str) -> None:
    plain = as_plain(text)
    assert "**a**" not in plain
    assert len(plain) <= len(text) + 2 * text.count("[")
